        stage('Gate') {
            steps {
                script {
                    // The version that this commit made, whatever others build meanwhile.
                    // 0: passed. 6: the gate says no, which is an answer. Anything else: an error.
                    def code = sh(returnStatus: true, script: '@INSIDE@trueup check @MODEL@@commit:$(git rev-parse HEAD) --junit reports/gate.xml --html reports/gate.html')
                    if (code == 6) { unstable('The gate says no') }
                    else if (code != 0) { error("trueup check ended with ${code}") }
                }
                // For the table under a review: [connections.github] or [connections.gitlab] in trueup.toml,
                // its token as a credential in TRUEUP_SECRET_NAME, and
                // sh '@INSIDE@trueup git report @MODEL@@commit:$(git rev-parse HEAD)'
            }
        }
