#include "common/attest/execution_statement.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::attest {
namespace {

// Beyond them a statement says how many there were, and the digest of all.
constexpr size_t kMostFetches = 256;
constexpr size_t kMostUrlBytes = 512;
constexpr size_t kMostTextBytes = 4096;

std::string Shortened(const std::string& text, size_t most) {
  if (text.size() <= most) return text;
  return std::string(CutBetweenCharacters(text, most)) + "...";
}

std::string AspectWord(v1::Aspect aspect) {
  const std::string_view word = Word(aspect);
  return word.empty() ? fmt::format("aspect-{}", static_cast<int>(aspect)) : std::string(word);
}

SortedJson Circumstances(const v1::StepResult& result) {
  SortedJson list = SortedJson::array();
  for (const v1::Circumstance& each : result.circumstances()) {
    SortedJson one = {
        {"aspect", AspectWord(each.aspect())}, {"value", each.value()}, {"asked", each.asked()}};
    if (!each.limit().empty()) one["limit"] = each.limit();
    list.push_back(std::move(one));
  }
  return list;
}

// What a step fetched. Tunnels have no digest: what came through them nobody saw, and it is counted as that.
SortedJson Fetches(const v1::StepFetches& fetches) {
  std::set<std::pair<std::string, std::string>> known;
  int64_t unseen = 0;
  for (const v1::Fetch& fetch : fetches.fetches()) {
    if (fetch.sha256().empty()) {
      ++unseen;
    } else {
      known.emplace(fetch.url(), fetch.sha256());
    }
  }
  for (const v1::HostFetches& host : fetches.more()) unseen += std::max<int64_t>(host.fetches(), 0);
  SortedJson items = SortedJson::array();
  std::string all;
  for (const auto& [url, sha256] : known) {
    all += fmt::format("{}  {}\n", sha256, url);
    if (items.size() < kMostFetches)
      items.push_back({{"uri", Shortened(url, kMostUrlBytes)}, {"digest", {{"sha256", sha256}}}});
  }
  return {{"items", std::move(items)},
          {"withDigest", static_cast<int64_t>(known.size())},
          {"withoutDigest", unseen},
          {"digestOfAll", {{"sha256", Sha256Hex(all)}}}};
}

SortedJson WorkerFacts(const v1::WorkerInfo& worker) {
  return {{"name", worker.name()},          {"hostId", worker.host_id()},
          {"hostName", worker.host_name()}, {"farmVersion", worker.version()},
          {"kernel", worker.kernel()},      {"cpuModel", worker.cpu_model()},
          {"runtime", worker.runtime()},    {"fileSystem", worker.file_system()}};
}

}  // namespace

Statement ExecutionStatement(const ExecutionFacts& facts) {
  Statement statement;
  statement.predicate_type = kExecutionPredicate;
  statement.subjects.push_back({"layer", facts.result->layer().tar().hash()});
  SortedJson& predicate = statement.predicate;
  predicate["platform"] = FormatPlatform(*facts.platform);
  predicate["step"] = {{"key", facts.step_key},
                       {"instruction", facts.step->instruction()},
                       {"text", Shortened(facts.step->text(), kMostTextBytes)}};
  predicate["parents"] = SortedJson::array();
  for (const Digest& parent : facts.parents) predicate["parents"].push_back({{"sha256", parent.hash}});
  predicate["layer"] = {{"bytes", facts.result->layer().tar().size_bytes()},
                        {"manifest", {{"sha256", facts.result->layer().manifest().hash()}}}};
  predicate["emulated"] = facts.result->emulated();
  predicate["startedOn"] = TimeText(facts.result->started_at());
  predicate["finishedOn"] = TimeText(facts.result->finished_at());
  predicate["circumstances"] = Circumstances(*facts.result);
  if (facts.step->has_run()) {
    const v1::NetworkMode mode = facts.step->run().network();
    predicate["network"] = Word(mode == v1::NETWORK_MODE_UNSPECIFIED ? v1::NETWORK_MODE_RECORDED : mode);
  }
  if (facts.result->has_fetches()) predicate["fetches"] = Fetches(facts.result->fetches());
  predicate["worker"] = WorkerFacts(*facts.worker);
  return statement;
}

absl::Status MatchesFacts(const Statement& stated, const ExecutionFacts& facts) {
  // As it is after it was written and read: texts that are no UTF-8 are replaced by then.
  ASSIGN_OR_RETURN(const Statement known, ParseStatement(WriteStatement(ExecutionStatement(facts))));
  if (stated.predicate_type != known.predicate_type) {
    return absl::InvalidArgumentError(
        fmt::format("its type is {}, not {}", Shortened(stated.predicate_type, 100), known.predicate_type));
  }
  if (stated.subjects.size() != 1 || stated.subjects[0].sha256 != known.subjects[0].sha256 ||
      stated.subjects[0].name != known.subjects[0].name) {
    return absl::InvalidArgumentError("its subject is not the layer that was reported");
  }
  for (const auto& [name, value] : known.predicate.items()) {
    const auto found = stated.predicate.find(name);
    if (found == stated.predicate.end() || *found != value)
      return absl::InvalidArgumentError(fmt::format("its \"{}\" is not what was reported", name));
  }
  for (const auto& [name, value] : stated.predicate.items()) {
    if (!known.predicate.contains(name))
      return absl::InvalidArgumentError(
          fmt::format("it has a \"{}\" that nobody reported", Shortened(name, 60)));
  }
  return absl::OkStatus();
}

absl::StatusOr<ExecutionClaim> ReadExecution(const Statement& statement) {
  if (statement.predicate_type != kExecutionPredicate)
    return absl::InvalidArgumentError("not about an execution");
  if (statement.subjects.size() != 1) return absl::InvalidArgumentError("an execution makes one layer");
  ExecutionClaim claim;
  claim.layer = statement.subjects[0].sha256;
  ASSIGN_OR_RETURN(claim.platform, TextMember(statement.predicate, "platform"));
  const auto parents = statement.predicate.find("parents");
  if (parents == statement.predicate.end() || !parents->is_array())
    return absl::InvalidArgumentError("\"parents\" is no array");
  for (const SortedJson& parent : *parents) {
    if (!parent.is_object()) return absl::InvalidArgumentError("a parent is no object");
    ASSIGN_OR_RETURN(claim.parents.emplace_back(), TextMember(parent, "sha256"));
  }
  ASSIGN_OR_RETURN(const SortedJson* step, ObjectMember(statement.predicate, "step"));
  ASSIGN_OR_RETURN(claim.step_key, TextMember(*step, "key"));
  ASSIGN_OR_RETURN(claim.emulated, BoolMember(statement.predicate, "emulated"));
  ASSIGN_OR_RETURN(const SortedJson* worker, ObjectMember(statement.predicate, "worker"));
  ASSIGN_OR_RETURN(claim.worker, TextMember(*worker, "name"));
  ASSIGN_OR_RETURN(claim.host_id, TextMember(*worker, "hostId"));
  ASSIGN_OR_RETURN(claim.farm_version, TextMember(*worker, "farmVersion"));
  return claim;
}

}  // namespace crossmill::attest
