        stage('Gate') {
            steps {
                script {
                    // 0: passed. 6: the gate says no, which is an answer. Anything else: an error.
                    def code = sh(returnStatus: true, script: 'trueup check @MODEL@ --junit reports/gate.xml --html reports/gate.html')
                    if (code == 6) { unstable('The gate says no') }
                    else if (code != 0) { error("trueup check ended with ${code}") }
                }
            }
        }
