#include "worker/sandbox/host_settings.h"

#include <algorithm>
#include <sstream>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "worker/sandbox/java_trust_store.h"

namespace crossmill::worker {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Read when they are set; every name that programs in steps read is announced.
constexpr const char* kCaVariables[] = {"SSL_CERT_FILE",  "REQUESTS_CA_BUNDLE",  "PIP_CERT",
                                        "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"};

constexpr const char* kProxyVariables[] = {"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
                                           "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"};

constexpr const char* kIndexVariables[] = {"PIP_INDEX_URL",
                                           "PIP_EXTRA_INDEX_URL",
                                           "PIP_FIND_LINKS",
                                           "PIP_TRUSTED_HOST",
                                           "PIP_DEFAULT_TIMEOUT",
                                           "PIP_RETRIES",
                                           "UV_INDEX_URL",
                                           "UV_INDEX",
                                           "UV_DEFAULT_INDEX",
                                           "UV_EXTRA_INDEX_URL",
                                           "UV_HTTP_TIMEOUT",
                                           "npm_config_registry",
                                           "NPM_CONFIG_REGISTRY",
                                           "GOPROXY",
                                           "GONOSUMDB"};

// A path means nothing inside a step.
bool IsHostPath(std::string_view value) { return value.starts_with("/") || value.starts_with("file:"); }

absl::StatusOr<std::string> FindBundle(const HostSettingsSource& source) {
  if (source.ca_bundle == "none") return std::string();
  if (!source.ca_bundle.empty()) {
    auto bundle = ReadFile(source.ca_bundle, 16 << 20);
    if (!bundle.ok())
      return absl::InvalidArgumentError(fmt::format("CA bundle {}", Sv(bundle.status().message())));
    return bundle;
  }
  for (const char* name : kCaVariables) {
    const std::optional<std::string> path = source.environment(name);
    if (!path || path->empty()) continue;
    auto bundle = ReadFile(*path, 16 << 20);
    if (bundle.ok()) return bundle;
    LogWarning("CA bundle of {} is not passed to steps: {}", name, Sv(bundle.status().message()));
  }
  return std::string();
}

// Every Java program reads it, Maven, Gradle and sbt among them; it says so on standard error.
constexpr const char* kJavaOptions = "JAVA_TOOL_OPTIONS";

std::string TrustStoreOf(const std::string& bundle) {
  if (bundle.empty()) return {};
  absl::StatusOr<std::string> store = JavaTrustStore(bundle);
  if (store.ok()) return *std::move(store);
  LogWarning("CA bundle is not passed to Java in steps: {}", Sv(store.status().message()));
  return {};
}

bool Sets(absl::Span<const std::string> env, std::string_view name) {
  return std::any_of(env.begin(), env.end(), [&](const std::string& entry) {
    return entry.size() > name.size() && entry[name.size()] == '=' &&
           std::string_view(entry).starts_with(name);
  });
}

bool IsProxyVariable(std::string_view name) {
  return std::find(std::begin(kProxyVariables), std::end(kProxyVariables), name) != std::end(kProxyVariables);
}

std::string InOtherCase(std::string_view name) {
  std::string other(name);
  for (char& c : other) {
    if (c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - 'a' + 'A');
    } else if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return other;
}

// The announced variables that the recipe does not set itself; Java's own come back.
std::string AddAnnounced(const std::vector<std::pair<std::string, std::string>>& announced,
                         std::vector<std::string>* env) {
  std::string java;
  const std::vector<std::string> recipe = *env;
  for (const auto& [name, value] : announced) {
    if (name == kJavaOptions) java = value;
    if (name == kJavaOptions || Sets(recipe, name)) continue;
    if (!IsProxyVariable(name) || !Sets(recipe, InOtherCase(name)))
      env->push_back(fmt::format("{}={}", name, value));
  }
  return java;
}

void AddIfMissing(std::string_view name, std::string_view value, std::vector<std::string>* env) {
  if (!Sets(*env, name)) env->push_back(fmt::format("{}={}", name, value));
}

}  // namespace

std::vector<std::string> ForeignHosts(std::string_view hosts_file, std::string_view own_name) {
  std::vector<std::string> lines;
  std::istringstream input{std::string(hosts_file)};
  for (std::string line; std::getline(input, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address;
    words >> address;
    std::string kept;
    for (std::string name; words >> name;) {
      const bool local = name == "localhost" || name.starts_with("localhost.") || name.starts_with("ip6-") ||
                         name == own_name || name.starts_with(std::string(own_name) + ".");
      if (!local) kept += " " + name;
    }
    if (!kept.empty()) lines.push_back(address + kept);
  }
  return lines;
}

absl::StatusOr<HostSettings> DetectHostSettings(const HostSettingsSource& source) {
  HostSettings settings;
  const auto pass = [&](const std::string& name, bool required) -> absl::Status {
    const std::optional<std::string> value = source.environment(name);
    if (!value && required) {
      return absl::InvalidArgumentError(
          fmt::format("--pass-env {}: not set in the worker's environment", name));
    }
    if (!value || value->empty() || (!required && IsHostPath(*value))) return absl::OkStatus();
    settings.variables.emplace_back(name, *value);
    return absl::OkStatus();
  };
  for (const char* name : kProxyVariables) RETURN_IF_ERROR(pass(name, false));
  for (const char* name : kIndexVariables) RETURN_IF_ERROR(pass(name, false));
  for (const std::string& name : source.pass_env) RETURN_IF_ERROR(pass(name, true));
  ASSIGN_OR_RETURN(settings.ca_bundle, FindBundle(source));
  settings.java_trust_store = TrustStoreOf(settings.ca_bundle);
  if (const auto hosts = ReadFile(source.hosts_file, 16 << 20); hosts.ok()) {
    settings.hosts = ForeignHosts(*hosts, source.host_name);
  }
  return settings;
}

std::vector<std::string> StepEnvironment(const v1::Run& run, const Identity& identity,
                                         std::optional<int64_t> source_date_epoch,
                                         const HostSettings& settings,
                                         const std::vector<std::pair<std::string, std::string>>& announced) {
  std::vector<std::string> env(run.env().begin(), run.env().end());
  env.insert(env.end(), run.proxy_env().begin(), run.proxy_env().end());
  AddIfMissing("PATH", kDefaultPath, &env);
  AddIfMissing("HOME", identity.home, &env);
  if (source_date_epoch) AddIfMissing("SOURCE_DATE_EPOCH", fmt::format("{}", *source_date_epoch), &env);
  const v1::NetworkMode network = NetworkOf(run);
  if (network == v1::NETWORK_MODE_NONE) return env;
  std::string java = AddAnnounced(announced, &env);
  for (const auto& [name, value] : settings.variables) {
    if (network == v1::NETWORK_MODE_HOST || !IsProxyVariable(name)) AddIfMissing(name, value, &env);
  }
  if (!settings.ca_bundle.empty()) {
    for (const char* name : kCaVariables) AddIfMissing(name, kCaBundleInStep, &env);
  }
  if (!settings.java_trust_store.empty()) {
    java += fmt::format("{}-Djavax.net.ssl.trustStore={}", java.empty() ? "" : " ", kJavaTrustStoreInStep);
  }
  if (!java.empty()) AddIfMissing(kJavaOptions, java, &env);
  return env;
}

}  // namespace crossmill::worker
