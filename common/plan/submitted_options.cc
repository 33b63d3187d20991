#include "common/plan/submitted_options.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/normalize_rules.h"
#include "common/words/platform.h"
#include "common/words/priority.h"
#include "common/words/worker_labels.h"

namespace crossmill::plan {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 62;
constexpr size_t kLongestShown = 256;
constexpr int kMostHosts = 1000;

absl::Status Wrong(std::string_view field, std::string_view value, std::string_view expected) {
  return absl::InvalidArgumentError(
      fmt::format("{}: '{}'; expected {}", field, Printable(value.substr(0, kLongestShown)), expected));
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

absl::Status CheckPlatform(const v1::Platform& platform) {
  const std::string text = FormatPlatform(platform);
  const auto parsed = ParsePlatform(text);
  if (parsed.ok() && SamePlatform(*parsed, platform)) return absl::OkStatus();
  return Wrong("platforms", text,
               parsed.ok() ? fmt::format("its usual form, {}", FormatPlatform(*parsed))
                           : std::string("OS/ARCHITECTURE[/VARIANT], such as linux/arm64"));
}

absl::Status CheckExtraHost(const std::string& line) {
  const size_t blank = line.find(' ');
  const std::string address = line.substr(0, blank);
  const std::string name = blank == std::string::npos ? std::string() : line.substr(blank + 1);
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  const bool is_address =
      address.find('\0') == std::string::npos && (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1 ||
                                                  inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1);
  // What stands in /etc/hosts is one line: a second one would be another name's.
  if (is_address && !name.empty() && !HasControl(name) && name.find_first_of(" #") == std::string::npos)
    return absl::OkStatus();
  return Wrong("extra_hosts", line, "an IP address, a blank and one host name");
}

absl::Status CheckUlimit(const v1::Ulimit& limit) {
  if (!IsUlimitName(limit.name()))
    return Wrong("ulimits", limit.name(), "a name such as nofile, nproc, core, memlock or stack");
  const bool ordered = limit.hard() == -1 || (limit.soft() != -1 && limit.soft() <= limit.hard());
  if (limit.soft() >= -1 && limit.hard() >= -1 && ordered) return absl::OkStatus();
  return Wrong("ulimits", fmt::format("{}={}:{}", limit.name(), limit.soft(), limit.hard()),
               "SOFT and HARD of 0 or more, -1 for unlimited, the soft one not above the hard one");
}

absl::Status CheckTime(std::string_view field, int64_t seconds) {
  if (seconds >= 0 && seconds <= kLatestTime) return absl::OkStatus();
  return Wrong(field, fmt::format("{}", seconds),
               fmt::format("seconds since 1970, at most {} (the year 9999)", kLatestTime));
}

absl::Status CheckNames(const v1::BuildOptions& options) {
  for (const v1::BuildArgument& label : options.labels()) {
    if (label.name().empty()) return Wrong("labels", "", "a name");
  }
  for (const auto* ids : {&options.secret_ids(), &options.ssh_ids()}) {
    for (const std::string& id : *ids) {
      if (id.empty() || id.size() > kLongestShown || HasControl(id))
        return Wrong(ids == &options.ssh_ids() ? "ssh_ids" : "secret_ids", id,
                     fmt::format("1 to {} printable characters", kLongestShown));
    }
  }
  for (const std::string& glob : options.neutral()) {
    if (glob.empty() || glob == "/")
      return Wrong("neutral", glob, "a glob of paths, such as '/srv/static/*'");
  }
  return absl::OkStatus();
}

absl::Status CheckEnums(const v1::BuildOptions& options) {
  if (!v1::NetworkMode_IsValid(options.network()))
    return Wrong("network", fmt::format("{}", static_cast<int>(options.network())), "a value of NetworkMode");
  for (const int aspect : options.vary().aspects()) {
    if (aspect <= 0 || !v1::Aspect_IsValid(aspect))
      return Wrong("vary", fmt::format("{}", aspect), "values of Aspect");
  }
  if (!v1::Compression_IsValid(options.compression()))
    return Wrong("compression", fmt::format("{}", static_cast<int>(options.compression())),
                 "a value of Compression");
  if (options.compression_level() != 0)
    RETURN_IF_ERROR(CheckCompressionLevel(options.compression(), options.compression_level()));
  return absl::OkStatus();
}

absl::Status CheckDigest(std::string_view field, const build::bazel::remote::execution::v2::Digest& digest) {
  if (IsSha256Hex(digest.hash()) && digest.size_bytes() >= 0) return absl::OkStatus();
  return Wrong(field, fmt::format("{}/{}", digest.hash(), digest.size_bytes()),
               "the SHA-256 of a blob in lower-case hex, and its size in bytes");
}

}  // namespace

bool IsUlimitName(std::string_view name) {
  constexpr std::array<std::string_view, 16> kNames = {
      "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
      "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

absl::Status CheckCompressionLevel(v1::Compression compression, int64_t level) {
  const int64_t highest = compression == v1::COMPRESSION_ZSTD ? 22 : 12;
  if (level >= 1 && level <= highest) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("compression level {}: expected 1 to {} for {}", level,
                                                highest,
                                                compression == v1::COMPRESSION_ZSTD ? "zstd" : "gzip"));
}

absl::Status CheckOptions(const v1::BuildOptions& options) {
  if (options.platforms().empty()) return absl::InvalidArgumentError("no platform is asked for");
  for (const v1::Platform& platform : options.platforms()) RETURN_IF_ERROR(CheckPlatform(platform));
  if (options.verify() > kMostExecutions) {
    return absl::InvalidArgumentError(
        fmt::format("--verify {} is more than {}", options.verify(), kMostExecutions));
  }
  if (options.has_source_date_epoch())
    RETURN_IF_ERROR(CheckTime("source_date_epoch", options.source_date_epoch()));
  if (options.has_exclude_newer()) RETURN_IF_ERROR(CheckTime("exclude_newer", options.exclude_newer()));
  if (options.shm_size() < 0 || options.shm_size() >= kMostBytes)
    return Wrong("shm_size", fmt::format("{}", options.shm_size()), "bytes, or 0");
  if (options.extra_hosts_size() > kMostHosts)
    return Wrong("extra_hosts", fmt::format("{} lines", options.extra_hosts_size()),
                 fmt::format("at most {}", kMostHosts));
  for (const std::string& line : options.extra_hosts()) RETURN_IF_ERROR(CheckExtraHost(line));
  std::vector<std::string_view> limits;
  for (const v1::Ulimit& limit : options.ulimits()) {
    RETURN_IF_ERROR(CheckUlimit(limit));
    if (std::find(limits.begin(), limits.end(), limit.name()) != limits.end())
      return Wrong("ulimits", limit.name(), "each name once");
    limits.push_back(limit.name());
  }
  RETURN_IF_ERROR(CheckPriority(options.priority()));
  RETURN_IF_ERROR(CheckPlacement(options));
  RETURN_IF_ERROR(CheckNames(options));
  RETURN_IF_ERROR(CheckEnums(options));
  const std::vector<std::string> rules(options.normalize().begin(), options.normalize().end());
  return CheckNormalize(rules);
}

absl::Status CheckRecipeFields(const v1::Recipe& recipe) {
  RETURN_IF_ERROR(CheckDigest("context_root", recipe.context_root()));
  if (recipe.has_context_time()) RETURN_IF_ERROR(CheckTime("context_time", recipe.context_time()));
  for (const v1::BuildArgument& argument : recipe.build_arguments()) {
    // As variables of a process are.
    if (argument.name().empty() || HasControl(argument.name()) ||
        argument.name().find('=') != std::string::npos)
      return Wrong("build_arguments", argument.name(), "the name of a variable");
    if (argument.value().find('\0') != std::string::npos)
      return Wrong("build_arguments", argument.name(), "a value without NUL");
  }
  for (const v1::NamedContext& context : recipe.contexts()) {
    if (context.has_tree()) RETURN_IF_ERROR(CheckDigest("contexts", context.tree()));
    if (context.has_image_root()) RETURN_IF_ERROR(CheckDigest("contexts", context.image_root()));
    if (context.has_time()) RETURN_IF_ERROR(CheckTime("contexts", context.time()));
  }
  return absl::OkStatus();
}

}  // namespace crossmill::plan
