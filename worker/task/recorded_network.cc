#include "worker/task/recorded_network.h"

#include <fcntl.h>

#include <set>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "worker/index/index_announcement.h"
#include "worker/network/announcement.h"
#include "worker/sandbox/runtime_spec.h"
#include "worker/task/installer_settings.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostRefusals = 20;

// Where images have Java, whatever their PATH says: a step may find it by JAVA_HOME.
constexpr std::string_view kJavaPlaces[] = {"/usr/bin/java", "/usr/local/bin/java",
                                            "/opt/java/openjdk/bin/java",
                                            "/usr/lib/jvm/default-jvm/bin/java"};

bool HasJava(const SandboxRun& run) {
  const auto root = OpenRoot(run.root);
  if (!root.ok()) return false;
  for (const std::string_view place : kJavaPlaces) {
    if (IsInRoot(root->get(), place)) return true;
  }
  for (const std::string& entry : run.run.env()) {
    if (entry.starts_with("JAVA_HOME=") && IsInRoot(root->get(), entry.substr(10) + "/bin/java")) return true;
    if (!entry.starts_with("PATH=")) continue;
    const std::vector<std::string> folders = absl::StrSplit(entry.substr(5), ':', absl::SkipEmpty());
    for (const std::string& folder : folders) {
      if (IsInRoot(root->get(), folder + "/java")) return true;
    }
  }
  return false;
}

void MaskFetch(const SecretPatterns& secrets, v1::Fetch* fetch) {
  for (std::string* text :
       {fetch->mutable_url(), fetch->mutable_host(), fetch->mutable_method(), fetch->mutable_error()}) {
    *text = ValidUtf8(secrets.empty() ? *text : secrets.Mask(*text));
  }
}

}  // namespace

absl::StatusOr<RecordedNetwork> RecordedNetwork::Join(const RecordedNetworkOptions& options,
                                                      const std::vector<StepMount>& mounts, SandboxRun* run) {
  RecordedNetwork joined;
  if (NetworkOf(run->run) != v1::NETWORK_MODE_RECORDED) return joined;
  if (options.networks == nullptr)
    return absl::FailedPreconditionError("this worker has no recording network");
  const std::vector<std::string> hosts(run->run.extra_hosts().begin(), run->run.extra_hosts().end());
  IndexPolicy index;
  index.offline = run->run.offline();
  index.farm_wheels.assign(run->run.farm_wheels().begin(), run->run.farm_wheels().end());
  if (run->run.has_exclude_newer()) index.exclude_newer = absl::FromUnixSeconds(run->run.exclude_newer());
  ASSIGN_OR_RETURN(joined.network_, options.networks->Take(hosts, index));
  joined.offline_ = index.offline;
  joined.variables_ = NetworkVariables(HostNameOf(run->run), options.java_is_told || HasJava(*run));
  if (options.indexes > 0) {
    for (auto& variable : IndexVariables(options.indexes, InstallerSettingsOf(*run, mounts))) {
      joined.variables_.push_back(std::move(variable));
    }
  }
  run->network_namespace = joined.network_->path();
  return joined;
}

void RecordedNetwork::Watch(v1::LogChunk::Stream stream, std::string_view bytes) {
  if (network_ == nullptr || stream == v1::LogChunk::STREAM_WORKER) return;
  (stream == v1::LogChunk::STREAM_STDOUT ? out_ : err_).Add(bytes);
}

void RecordedNetwork::Report(const SecretPatterns& secrets, bool failed,
                             const std::function<void(const std::string&)>& tell, v1::StepResult* result) {
  if (network_ == nullptr) return;
  v1::StepFetches fetches = network_->Finish();
  network_.reset();
  std::set<std::string> told;
  for (v1::Fetch& fetch : *fetches.mutable_fetches()) {
    MaskFetch(secrets, &fetch);
    if (fetch.kind() == v1::Fetch::KIND_INDEX && !fetch.error().empty() &&
        (fetch.status() != 404 || offline_)) {
      // pip says of a page that it did not get only that there is no such package.
      const std::string line = fmt::format("package index: {}", Printable(fetch.error()));
      if (told.size() < kMostRefusals && told.insert(line).second) tell(line);
    }
    if (fetch.refused_by().empty()) continue;
    // Not every program shows what the proxy answered.
    const std::string what =
        fetch.url().empty() ? fmt::format("{}:{}", fetch.host(), fetch.port()) : fetch.url();
    const std::string line =
        fetch.host().empty()
            ? fmt::format("network: a malformed request was refused: {}", Printable(fetch.error()))
            : fmt::format("network: {} was refused by the rule '{}'", Printable(what),
                          Printable(fetch.refused_by()));
    if (told.size() < kMostRefusals && told.insert(line).second) tell(line);
  }
  for (v1::HostFetches& host : *fetches.mutable_more()) {
    if (!secrets.empty()) host.set_host(ValidUtf8(secrets.Mask(host.host())));
  }
  *result->mutable_fetches() = std::move(fetches);
  if (!failed) return;
  std::string hint = err_.Text();
  if (hint.empty()) hint = out_.Text();
  if (!hint.empty()) tell(secrets.empty() ? hint : secrets.Mask(hint));
}

}  // namespace crossmill::worker
