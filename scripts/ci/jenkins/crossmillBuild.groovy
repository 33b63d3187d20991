// A step for a shared library: vars/crossmillBuild.groovy, with scripts/ci in the repository that is built (here as ci/crossmill).
//
//   crossmillBuild(coordinator: 'farm.example:7777', credentials: 'crossmill-token',
//                  arguments: ['-t', "app:${env.BUILD_NUMBER}", '.'])
//
// Fails the stage as `crossmill build` ends, after the reports were taken. Returns build, digest and verdict.
def call(Map config) {
  def folder = config.get('reports', 'crossmill-reports')
  def wrapper = config.get('wrapper', 'ci/crossmill/jenkins/build')
  def code = 5
  withCredentials([string(credentialsId: config.credentials, variable: 'CROSSMILL_TOKEN')]) {
    withEnv(["CROSSMILL_COORDINATOR=${config.coordinator}", "CROSSMILL_REPORTS=${folder}"]) {
      // Each argument is one, whatever it holds.
      def arguments = config.arguments.collect { "'" + it.toString().replace("'", "'\\''") + "'" }.join(' ')
      code = sh(script: "${wrapper} ${arguments}", returnStatus: true)
    }
  }
  junit(testResults: "${folder}/junit.xml", allowEmptyResults: true)
  archiveArtifacts(artifacts: "${folder}/*", allowEmptyArchive: true)
  if (code != 0) {
    error("crossmill build ended with ${code}")
  }
  return readProperties(file: "${folder}/crossmill.properties")
}
