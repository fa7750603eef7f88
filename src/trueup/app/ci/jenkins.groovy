// Written by: trueup ci jenkins. Run that again after changing pipelines; edit freely, it asks first.
// Only the command line of Trueup is called here: the same commands work on your own machine.
pipeline {
    agent any
    options {
        timestamps()
        disableConcurrentBuilds()
    }
    parameters {
        string(name: 'TRUEUP_RUN_ID', defaultValue: '', description: 'Set by Trueup when it starts this build')
    }
    environment {
        // Shared state, so that builds know the champion and reuse each other's results. Keep the
        // values as credentials in Jenkins, then uncomment:
        // TRUEUP_DATABASE = credentials('trueup-database')
        // TRUEUP_BLOBS = credentials('trueup-blobs')
        PATH = "${WORKSPACE}/.venv/bin:${PATH}"
    }
    stages {
        stage('Install') {
            steps {
                // Nothing of an earlier build is reported again, and the packages are no change of the code.
                sh 'rm -rf @UNDER@reports && python3 -m venv .venv && echo "*" > .venv/.gitignore'
                sh '@INSIDE@pip install --quiet -r @REQUIREMENTS@'
            }
        }
        stage('Plan') {
            steps {
                sh '@INSIDE@trueup plan check'
            }
        }
@PULL@        stage('Run') {
            steps {
                sh '@INSIDE@trueup run @PIPELINE@'
            }
        }
@GATE@    }
    post {
        always {
            junit testResults: '@UNDER@reports/*.xml', allowEmptyResults: true
            archiveArtifacts artifacts: '@UNDER@reports/**', allowEmptyArchive: true
        }
    }
}
