#include "coordinator/buildkit/solve/attributes.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/fetch/git_reference.h"
#include "common/oci/annotations.h"
#include "common/plan/step_flags.h"
#include "common/words/platform.h"
#include "common/words/step_bounds.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr std::string_view kUploadHost = "http://buildkit-session/";
constexpr uint64_t kUsualCpuPeriod = 100'000;

std::string Shown(std::string_view text) { return Printable(text.substr(0, 200)); }

absl::Status Unknown(std::string_view what, std::string_view value, std::string_view expected) {
  return absl::InvalidArgumentError(fmt::format("{} {}: expected {}", what, Shown(value), expected));
}

bool IsOn(const std::string& value) { return value.empty() || value == "true" || value == "1"; }

// Whatever is not served ends with one sentence that says what to do.
absl::Status Unserved(std::string_view text) { return absl::UnimplementedError(Av(text)); }

class AttributeReader {
 public:
  AttributeReader(const AttributeMap& given, const std::set<std::string>& entitlements)
      : given_(given), entitlements_(entitlements) {}

  absl::StatusOr<SolveAttributes> Read(const v1::Platform& own) {
    RETURN_IF_ERROR(CheckCapabilities());
    RETURN_IF_ERROR(ReadPlatforms(own));
    RETURN_IF_ERROR(ReadPlaces());
    for (const auto& [key, value] : given_) RETURN_IF_ERROR(ReadKey(key, value));
    RETURN_IF_ERROR(ReadSteps());
    RETURN_IF_ERROR(ReadBounds());
    RETURN_IF_ERROR(FinishFarmArguments(&read_.options, read_.choices));
    return std::move(read_);
  }

 private:
  const std::string* Find(const std::string& key) const {
    const auto found = given_.find(key);
    return found == given_.end() ? nullptr : &found->second;
  }

  absl::Status CheckCapabilities() const {
    static const std::set<std::string, std::less<>> kServed = {
        "moby.buildkit.frontend.inputs", "moby.buildkit.frontend.subrequests",
        "moby.buildkit.frontend.contexts", "moby.buildkit.frontend.gitquerystring"};
    const std::string* caps = Find("frontend.caps");
    if (caps == nullptr) return absl::OkStatus();
    for (absl::string_view cap : absl::StrSplit(*caps, ',', absl::SkipWhitespace())) {
      std::string_view name = Sv(absl::StripAsciiWhitespace(cap));
      if (name.ends_with("+forward")) name.remove_suffix(8);
      if (kServed.contains(name)) continue;
      return Unserved(fmt::format("unsupported frontend capability {}", Shown(name)));
    }
    return absl::OkStatus();
  }

  absl::Status ReadPlatforms(const v1::Platform& own) {
    v1::BuildOptions& options = read_.options;
    if (const std::string* list = Find("platform"); list != nullptr) {
      for (absl::string_view text : absl::StrSplit(*list, ',', absl::SkipWhitespace())) {
        // "windows(10.0.17763)/amd64": the version of an operating system says nothing here.
        std::string name(absl::StripAsciiWhitespace(text));
        if (const size_t open = name.find('('); open != std::string::npos)
          name.erase(open, name.find(')', open) == std::string::npos ? std::string::npos
                                                                     : name.find(')', open) - open + 1);
        auto platform = ParsePlatform(name);
        if (!platform.ok()) return Annotate(platform.status(), "--platform");
        const bool known =
            std::any_of(options.platforms().begin(), options.platforms().end(),
                        [&](const v1::Platform& each) { return SamePlatform(each, *platform); });
        if (!known) *options.add_platforms() = *std::move(platform);
      }
    }
    if (options.platforms().empty()) *options.add_platforms() = own;
    return absl::OkStatus();
  }

  // Where Dockerfile and context are.
  absl::Status ReadPlaces() {
    if (const std::string* file = Find("filename"); file != nullptr && !file->empty()) read_.file = *file;
    if (const std::string* key = Find("dockerfilekey"); key != nullptr && !key->empty()) {
      read_.file_folder = *key;
      read_.file_is_local = true;
    }
    NamedSource& context = read_.context;
    context.value = "context";
    if (const std::string* key = Find("contextkey"); key != nullptr && !key->empty()) context.value = *key;
    if (const std::string* folder = Find("contextsubdir"); folder != nullptr) read_.context_folder = *folder;
    const std::string* url = Find("context");
    if (url == nullptr || url->empty()) return absl::OkStatus();
    return ReadSource("context", *url, &context);
  }

  // What a context's value means.
  absl::Status ReadSource(std::string_view what, const std::string& value, NamedSource* source) const {
    using Kind = NamedSource::Kind;
    const auto after = [&](std::string_view scheme) { return value.substr(scheme.size()); };
    if (value.starts_with("docker-image://")) {
      source->kind = Kind::kImage;
      source->value = after("docker-image://");
    } else if (value.starts_with("oci-layout://")) {
      return ReadLayout(what, after("oci-layout://"), source);
    } else if (value.starts_with("local:")) {
      source->kind = Kind::kLocal;
      source->value = after("local:");
    } else if (value.starts_with("input:")) {
      source->kind = Kind::kInput;
      source->value = after("input:");
    } else if (value.starts_with(kUploadHost)) {
      source->kind = Kind::kUpload;
      source->value = after(kUploadHost);
    } else if (fetch::IsGitUrl(value, fetch::GitShorthand::kAllow)) {
      RETURN_IF_ERROR(fetch::ParseGitReference(value, fetch::GitShorthand::kAllow).status());
      source->kind = Kind::kGit;
      source->value = value;
    } else if (value.starts_with("http://") || value.starts_with("https://")) {
      source->kind = Kind::kHttp;
      source->value = value;
    } else {
      return Unknown(what, value, "a folder, docker-image://, oci-layout://, a git URL or an http(s) URL");
    }
    if (source->value.empty()) return Unknown(what, value, "a name behind the colon");
    return absl::OkStatus();
  }

  // STORE[:TAG][@DIGEST]
  static absl::Status ReadLayout(std::string_view what, std::string value, NamedSource* source) {
    source->kind = NamedSource::Kind::kLayout;
    if (const size_t at = value.rfind('@'); at != std::string::npos) {
      source->digest = value.substr(at + 1);
      if (!HashOfOci(source->digest).ok())
        return Unknown(what, source->digest, "sha256: and 64 hex digits behind @");
      value.resize(at);
    }
    if (const size_t colon = value.rfind(':'); colon != std::string::npos && colon > value.rfind('/') + 1) {
      source->tag = value.substr(colon + 1);
      value.resize(colon);
    }
    if (value.empty() || source->digest.empty())
      return Unknown(what, value, "oci-layout://STORE@sha256:..., as buildx writes it");
    source->value = std::move(value);
    return absl::OkStatus();
  }

  absl::Status ReadKey(const std::string& key, const std::string& value) {
    const auto after = [&](std::string_view prefix) { return key.substr(prefix.size()); };
    if (key.starts_with("build-arg:")) return ReadArgument(after("build-arg:"), value);
    if (key.starts_with("context:")) return ReadNamed(after("context:"), value);
    if (key.starts_with("label:")) {
      v1::BuildArgument& label = *read_.options.add_labels();
      label.set_name(after("label:"));
      label.set_value(value);
    } else if (key.starts_with("local-sessionid:")) {
      read_.folder_sessions[after("local-sessionid:")] = value;
    } else if (key.starts_with("attest:")) {
      ReadAttestation(after("attest:"), value);
    } else if (key == "target") {
      read_.recipe.set_target(value);
    } else if (key == "no-cache") {
      ReadNoCache(value);
    } else if (key == "image-resolve-mode") {
      read_.options.set_pull(value == "pull");
    } else if (key == "requestid") {
      read_.request = value;
    } else if (key == "multi-platform") {
      read_.always_index = IsOn(value);
    } else if (key == "cgroup-parent" && !value.empty()) {
      return Unserved(
          "--cgroup-parent: control groups of the workers are the farm's own; leave it out (limits of a "
          "step: "
          "CROSSMILL_MEMORY, CROSSMILL_CPUS)");
    } else if (key == "hostname") {
      AddArgument("BUILDKIT_SANDBOX_HOSTNAME", value);
    }
    return absl::OkStatus();
  }

  void AddArgument(const std::string& name, const std::string& value) {
    v1::BuildArgument& argument = *read_.recipe.add_build_arguments();
    argument.set_name(name);
    argument.set_value(value);
  }

  absl::Status ReadArgument(const std::string& name, const std::string& value) {
    if (name.starts_with(kFarmArgumentPrefix))
      return AddFarmArgument(name, value, &read_.options, &read_.choices);
    if (name == "BUILDKIT_MULTI_PLATFORM") read_.always_index = IsOn(value);
    if (name == "BUILDKIT_SYNTAX") {
      // The language is the farm's; the name of the image has been checked with the frontend.
      return CheckFrontendImage(value);
    }
    if (name == "BUILDKIT_ATTEST_PROVENANCE") ReadAttestation("provenance", value);
    if (name == "BUILDKIT_ATTEST_SBOM") ReadAttestation("sbom", value);
    if (name == "SOURCE_DATE_EPOCH") {
      int64_t seconds = 0;
      if (absl::SimpleAtoi(value, &seconds)) read_.epoch = seconds;
    }
    AddArgument(name, value);
    return absl::OkStatus();
  }

  // "false" and "disabled=true" switch it off.
  void ReadAttestation(const std::string& kind, const std::string& value) {
    for (const std::string& field : ReadCsv(value)) {
      if (field == "false" || field == "disabled" || field == "disabled=true") {
        read_.attestations.erase(kind);
        return;
      }
    }
    read_.attestations[kind] = value == "true" || value == "1" ? "" : value;
  }

  void ReadNoCache(const std::string& value) {
    const std::vector<std::string> stages = ReadCsv(value);
    if (stages.empty()) read_.options.set_no_cache(true);
    for (const std::string& stage : stages) {
      if (!stage.empty()) read_.options.add_no_cache_stages(absl::AsciiStrToLower(stage));
    }
  }

  absl::Status ReadNamed(const std::string& name, const std::string& value) {
    NamedSource source;
    source.name = absl::AsciiStrToLower(name);
    if (const size_t separator = source.name.find("::"); separator != std::string::npos) {
      const auto platform = ParsePlatform(source.name.substr(separator + 2));
      if (!platform.ok()) return Annotate(platform.status(), fmt::format("--build-context {}", Shown(name)));
      source.name = source.name.substr(0, separator + 2) + FormatPlatform(*platform);
    }
    RETURN_IF_ERROR(ReadSource(fmt::format("--build-context {}", Shown(name)), value, &source));
    read_.named.push_back(std::move(source));
    return absl::OkStatus();
  }

  absl::Status ReadSteps() {
    v1::BuildOptions& options = read_.options;
    options.set_network(v1::NETWORK_MODE_RECORDED);
    if (const std::string* mode = Find("force-network-mode"); mode != nullptr) {
      if (*mode == "host") {
        if (!entitlements_.contains("network.host"))
          return absl::PermissionDeniedError(
              "network.host is not allowed: --network=host needs --allow network.host");
        options.set_network(v1::NETWORK_MODE_HOST);
      } else if (*mode == "none") {
        options.set_network(v1::NETWORK_MODE_NONE);
      } else if (*mode != "sandbox" && *mode != "default" && !mode->empty()) {
        return Unknown("--network", *mode, "default, none or host");
      }
    }
    if (const std::string* hosts = Find("add-hosts"); hosts != nullptr) {
      for (const std::string& host : ReadCsv(*hosts)) {
        ASSIGN_OR_RETURN(*options.add_extra_hosts(), plan::ParseExtraHost(host));
      }
    }
    if (const std::string* size = Find("shm-size"); size != nullptr && !size->empty()) {
      int64_t bytes = 0;
      if (!absl::SimpleAtoi(*size, &bytes) || bytes < 0) return Unknown("--shm-size", *size, "bytes");
      options.set_shm_size(bytes);
    }
    if (const std::string* limits = Find("ulimit"); limits != nullptr) {
      for (const std::string& limit : ReadCsv(*limits)) RETURN_IF_ERROR(plan::AddUlimit(limit, &options));
    }
    return absl::OkStatus();
  }

  // --resource: those that mean something on another machine.
  absl::Status ReadBounds() {
    v1::StepBounds& bounds = *read_.options.mutable_step_bounds();
    const auto number = [&](const char* key) -> absl::StatusOr<int64_t> {
      const std::string* text = Find(key);
      int64_t value = 0;
      if (text == nullptr || text->empty()) return value;
      if (!absl::SimpleAtoi(*text, &value))
        return Unknown(fmt::format("resource {}", key), *text, "a number");
      return std::max<int64_t>(value, 0);
    };
    ASSIGN_OR_RETURN(const int64_t memory, number("memory"));
    if (memory > 0) bounds.set_memory(static_cast<uint64_t>(memory));
    ASSIGN_OR_RETURN(const int64_t quota, number("cpuquota"));
    ASSIGN_OR_RETURN(int64_t period, number("cpuperiod"));
    if (period == 0) period = kUsualCpuPeriod;
    if (quota > 0)
      bounds.set_cpu_millis(static_cast<uint32_t>(
          std::min<int64_t>(quota / period * 1000 + quota % period * 1000 / period, 100'000'000)));
    if (bounds.ByteSizeLong() == 0) read_.options.clear_step_bounds();
    for (const char* key : {"memswap", "cpushares", "cpusetcpus", "cpusetmems"}) {
      const std::string* text = Find(key);
      if (text == nullptr || text->empty() || *text == "0") continue;
      read_.warnings.push_back(
          fmt::format("resource {} means nothing on the farm's workers and is left out; memory, cpuquota and "
                      "cpuperiod hold",
                      key));
    }
    return absl::OkStatus();
  }

  const AttributeMap& given_;
  const std::set<std::string>& entitlements_;
  SolveAttributes read_;
};

}  // namespace

std::vector<std::string> ReadCsv(std::string_view text) {
  std::vector<std::string> fields;
  if (text.empty()) return fields;
  std::string field;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        field += '"';
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (c == ',' && !quoted) {
      fields.push_back(std::move(field));
      field.clear();
    } else {
      field += c;
    }
  }
  fields.push_back(std::move(field));
  return fields;
}

absl::Status CheckFrontendImage(std::string_view reference) {
  std::string_view name = reference.substr(0, reference.find('@'));
  if (const size_t colon = name.rfind(':');
      colon != std::string_view::npos && name.find('/', colon) == std::string_view::npos)
    name = name.substr(0, colon);
  for (const std::string_view host : {"docker.io/", "index.docker.io/"}) {
    if (name.starts_with(host)) name.remove_prefix(host.size());
  }
  if (name == "docker/dockerfile" || name == "docker/dockerfile-upstream" ||
      name == "docker-image://docker/dockerfile")
    return absl::OkStatus();
  return Unserved(fmt::format(
      "frontend {} is not served: the farm builds Dockerfiles in its own language, which stands for "
      "docker/dockerfile; take the syntax line (or BUILDKIT_SYNTAX) out",
      Shown(reference)));
}

std::string SyntaxOf(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = Sv(absl::StripAsciiWhitespace(Av(text.substr(0, end))));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with("#!")) continue;
    if (!line.starts_with("#")) return "";
    line.remove_prefix(1);
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) return "";
    const std::string key = absl::AsciiStrToLower(absl::StripAsciiWhitespace(Av(line.substr(0, equals))));
    if (key == "syntax") {
      const std::string_view value = Sv(absl::StripAsciiWhitespace(Av(line.substr(equals + 1))));
      return std::string(value.substr(0, value.find(' ')));
    }
    if (key != "escape" && key != "check") return "";
  }
  return "";
}

absl::StatusOr<SolveAttributes> ReadAttributes(const std::string& frontend, const AttributeMap& given,
                                               const std::set<std::string>& entitlements,
                                               const v1::Platform& own) {
  for (const std::string& entitlement : entitlements) {
    if (entitlement == "network.host") continue;
    return Unserved(
        fmt::format("--allow {}: steps of the farm get no such rights; leave it out", Shown(entitlement)));
  }
  if (frontend == "gateway.v0") {
    const auto source = given.find("source");
    RETURN_IF_ERROR(CheckFrontendImage(source == given.end() ? "" : source->second));
  } else if (frontend != "dockerfile.v0") {
    return Unserved(fmt::format("frontend {} is not served: the farm builds Dockerfiles (dockerfile.v0)",
                                Shown(frontend)));
  }
  return AttributeReader(given, entitlements).Read(own);
}

}  // namespace crossmill::coordinator::buildkit
