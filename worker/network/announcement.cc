#include "worker/network/announcement.h"

#include <fmt/format.h>

#include "worker/network/step_service.h"

namespace crossmill::worker {

std::vector<std::pair<std::string, std::string>> NetworkVariables(const std::string& host_name, bool java) {
  const std::string proxy = fmt::format("http://{}:{}", kServiceAddress, kForwardProxyPort);
  // What listens in the step itself; its host name may be one below `host_name`, which all programs but Java
  // take a name here to mean too.
  const std::string none = fmt::format("localhost,127.0.0.1,::1,{}", host_name);
  const std::string properties = fmt::format(
      "-Dhttp.proxyHost={0} -Dhttp.proxyPort={1} -Dhttps.proxyHost={0} -Dhttps.proxyPort={1} "
      "-Dhttp.nonProxyHosts=localhost|127.*|[::1]|{2}|*.{2}",
      kServiceAddress, kForwardProxyPort, host_name);
  std::vector<std::pair<std::string, std::string>> variables = {
      {"http_proxy", proxy}, {"https_proxy", proxy}, {"all_proxy", proxy},
      {"no_proxy", none},    {"HTTP_PROXY", proxy},  {"HTTPS_PROXY", proxy},
      {"ALL_PROXY", proxy},  {"NO_PROXY", none},     {"NODE_USE_ENV_PROXY", "1"}};
  // Start scripts pass these on, and nobody prints anything.
  for (const char* name : {"MAVEN_OPTS", "GRADLE_OPTS", "ANT_OPTS", "SBT_OPTS"}) {
    variables.emplace_back(name, properties);
  }
  if (java) variables.emplace_back("JAVA_TOOL_OPTIONS", properties);
  return variables;
}

}  // namespace crossmill::worker
