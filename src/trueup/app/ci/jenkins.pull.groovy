        stage('Data') {
            steps {
                sh '@INSIDE@trueup data pull'
            }
        }
