        stage('Data') {
            steps {
                sh 'trueup data pull'
            }
        }
