#include "common/attest/verdict_statement.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::attest {
namespace {

constexpr size_t kMostSteps = 10'000;

const v1::StepView* FindStep(const v1::BuildView& build, const v1::StepComparison& compared) {
  for (const v1::StageView& stage : build.stages()) {
    if (stage.index() != compared.stage()) continue;
    for (const v1::StepView& step : stage.steps()) {
      if (step.number() == compared.step_number()) return &step;
    }
  }
  return nullptr;
}

SortedJson Aspects(const google::protobuf::RepeatedField<int>& aspects) {
  SortedJson list = SortedJson::array();
  for (const int aspect : aspects) list.push_back(Word(static_cast<v1::Aspect>(aspect)));
  return list;
}

SortedJson WitnessJson(const v1::Witness& witness, const std::map<int64_t, StatementReference>& statements) {
  SortedJson json = {{"worker", witness.worker()},
                     {"hostId", witness.host_id()},
                     {"hostName", witness.host_name()},
                     {"emulated", witness.emulated()},
                     {"finishedOn", TimeText(witness.finished_at())}};
  if (witness.has_layer()) {
    json["layer"] = {{"sha256", witness.layer().tar().hash()}};
  } else {
    json["failure"] = witness.failure();
  }
  const auto found = statements.find(witness.execution());
  if (found != statements.end() && witness.execution() != 0) {
    json["statement"] = {{"digest", {{"sha256", found->second.file_sha256}}},
                         {"keyId", found->second.key_id}};
  }
  return json;
}

SortedJson StepJson(const v1::StepComparison& step, const VerdictFacts& facts) {
  SortedJson json = {
      {"place", fmt::format("step {} of {} ({}:{})", step.step_number(), StagePhrase(step.stage_name()),
                            step.range().file(), step.range().first_line())},
      {"agrees", step.agrees()},
      {"reachesImage", step.reaches_image()},
      {"executions", SortedJson::array()}};
  const v1::StepView* shown = FindStep(*facts.build, step);
  json["key"] = shown == nullptr ? "" : shown->key();
  for (const v1::Witness& witness : step.witnesses())
    json["executions"].push_back(WitnessJson(witness, facts.statements));
  return json;
}

// A cell is emulated by its first executions; a verdict rests on the others too.
bool AnyEmulated(const v1::CellComparison& comparison) {
  for (const v1::StepComparison& step : comparison.steps()) {
    for (const v1::Witness& witness : step.witnesses()) {
      if (witness.emulated()) return true;
    }
  }
  return false;
}

absl::StatusOr<std::string> Sha256Member(const SortedJson& object, const std::string& name) {
  ASSIGN_OR_RETURN(const SortedJson* digest, ObjectMember(object, name));
  ASSIGN_OR_RETURN(std::string hash, TextMember(*digest, "sha256"));
  if (!IsSha256Hex(hash)) return absl::InvalidArgumentError(fmt::format("\"{}\" is no SHA-256", name));
  return hash;
}

absl::StatusOr<WitnessClaim> ReadWitness(const SortedJson& json) {
  WitnessClaim claim;
  ASSIGN_OR_RETURN(claim.worker, TextMember(json, "worker"));
  ASSIGN_OR_RETURN(claim.host_id, TextMember(json, "hostId"));
  ASSIGN_OR_RETURN(claim.emulated, BoolMember(json, "emulated"));
  ASSIGN_OR_RETURN(claim.finished_on, TextMember(json, "finishedOn"));
  if (json.contains("layer")) {
    ASSIGN_OR_RETURN(claim.layer, Sha256Member(json, "layer"));
  } else {
    RETURN_IF_ERROR(TextMember(json, "failure").status());
  }
  if (!json.contains("statement")) return claim;
  ASSIGN_OR_RETURN(const SortedJson* statement, ObjectMember(json, "statement"));
  ASSIGN_OR_RETURN(claim.statement.file_sha256, Sha256Member(*statement, "digest"));
  ASSIGN_OR_RETURN(claim.statement.key_id, TextMember(*statement, "keyId"));
  return claim;
}

absl::StatusOr<StepClaim> ReadStep(const SortedJson& json) {
  StepClaim claim;
  ASSIGN_OR_RETURN(claim.place, TextMember(json, "place"));
  ASSIGN_OR_RETURN(claim.key, TextMember(json, "key"));
  ASSIGN_OR_RETURN(claim.agrees, BoolMember(json, "agrees"));
  ASSIGN_OR_RETURN(claim.reaches_image, BoolMember(json, "reachesImage"));
  ASSIGN_OR_RETURN(const SortedJson* executions, ListMember(json, "executions"));
  for (const SortedJson& each : *executions) {
    ASSIGN_OR_RETURN(claim.witnesses.emplace_back(), ReadWitness(each));
  }
  return claim;
}

absl::StatusOr<std::vector<std::string>> Texts(const SortedJson& object, const std::string& name) {
  ASSIGN_OR_RETURN(const SortedJson* list, ListMember(object, name));
  std::vector<std::string> texts;
  for (const SortedJson& each : *list) {
    if (!each.is_string())
      return absl::InvalidArgumentError(fmt::format("\"{}\" holds what is no text", name));
    texts.push_back(each.get<std::string>());
  }
  return texts;
}

struct Counted {
  std::set<std::string> hosts;
  std::set<std::string> layers;
  size_t failed = 0;
};

Counted Count(const StepClaim& step) {
  Counted counted;
  for (const WitnessClaim& witness : step.witnesses) {
    counted.hosts.insert(witness.host_id);
    if (witness.layer.empty()) {
      ++counted.failed;
    } else {
      counted.layers.insert(witness.layer);
    }
  }
  return counted;
}

}  // namespace

Statement VerdictStatement(const VerdictFacts& facts) {
  const v1::CellComparison& comparison = facts.cell->comparison();
  Statement statement;
  statement.predicate_type = kVerdictPredicate;
  const std::string platform = FormatPlatform(facts.cell->platform());
  statement.subjects.push_back({platform, facts.cell->image_manifest().hash()});
  SortedJson& predicate = statement.predicate;
  predicate = {{"platform", platform},
               {"build", facts.build->id()},
               {"verdict", Word(comparison.verdict())},
               {"level", comparison.level()},
               {"reason", comparison.reason()},
               {"hosts", comparison.hosts()},
               {"executions", comparison.executions()},
               {"sameHost", comparison.same_host()},
               {"emulated", facts.cell->emulated() || AnyEmulated(comparison)},
               {"index", facts.build->index_digest()},
               {"farmVersion", facts.build->farm_version()},
               // Whoever weighs it has to know what a host is here: two machines are two only as far as their
               // workers say so.
               {"hostsAreToldApartBy", "the kernel's boot_id, as the worker on it reports it"},
               {"varied", Aspects(comparison.varied())},
               {"equal", Aspects(comparison.equal())},
               {"circumstances", comparison.circumstances()},
               {"finishedOn", TimeText(facts.build->finished_at())},
               {"imageDigests", SortedJson::array()},
               {"steps", SortedJson::array()}};
  for (const std::string& digest : comparison.image_digests()) predicate["imageDigests"].push_back(digest);
  for (const v1::StepComparison& step : comparison.steps())
    predicate["steps"].push_back(StepJson(step, facts));
  return statement;
}

absl::StatusOr<VerdictClaim> ReadVerdict(const Statement& statement) {
  if (statement.predicate_type != kVerdictPredicate) return absl::InvalidArgumentError("no verdict");
  if (statement.subjects.size() != 1) return absl::InvalidArgumentError("a verdict is about one image");
  const SortedJson& json = statement.predicate;
  VerdictClaim claim;
  claim.image = statement.subjects[0].sha256;
  ASSIGN_OR_RETURN(claim.platform, TextMember(json, "platform"));
  ASSIGN_OR_RETURN(claim.verdict, TextMember(json, "verdict"));
  ASSIGN_OR_RETURN(claim.level, TextMember(json, "level"));
  ASSIGN_OR_RETURN(claim.reason, TextMember(json, "reason"));
  ASSIGN_OR_RETURN(claim.index, TextMember(json, "index"));
  ASSIGN_OR_RETURN(claim.same_host, BoolMember(json, "sameHost"));
  ASSIGN_OR_RETURN(claim.emulated, BoolMember(json, "emulated"));
  ASSIGN_OR_RETURN(claim.hosts, IntegerMember(json, "hosts"));
  ASSIGN_OR_RETURN(claim.executions, IntegerMember(json, "executions"));
  if (claim.hosts < 0 || claim.executions < 0)
    return absl::InvalidArgumentError("\"hosts\" and \"executions\" are numbers of things");
  ASSIGN_OR_RETURN(claim.varied, Texts(json, "varied"));
  ASSIGN_OR_RETURN(claim.equal, Texts(json, "equal"));
  ASSIGN_OR_RETURN(const SortedJson* steps, ListMember(json, "steps"));
  if (steps->size() > kMostSteps) return absl::InvalidArgumentError("\"steps\" has too many");
  for (const SortedJson& each : *steps) {
    ASSIGN_OR_RETURN(claim.steps.emplace_back(), ReadStep(each));
  }
  return claim;
}

std::vector<std::string> Contradictions(const VerdictClaim& claim) {
  std::vector<std::string> found;
  const bool reproducible = claim.verdict == Word(v1::VERDICT_REPRODUCIBLE);
  std::set<std::string> all_hosts;
  bool emulated = false;
  for (const StepClaim& step : claim.steps) {
    const Counted counted = Count(step);
    all_hosts.insert(counted.hosts.begin(), counted.hosts.end());
    for (const WitnessClaim& witness : step.witnesses) emulated |= witness.emulated;
    if (static_cast<int64_t>(step.witnesses.size()) < claim.executions) {
      found.push_back(fmt::format("{}: {} executions are listed, {} are claimed", step.place,
                                  step.witnesses.size(), claim.executions));
    }
    if (static_cast<int64_t>(counted.hosts.size()) < claim.hosts) {
      found.push_back(fmt::format("{}: it ran on {} hosts, {} are claimed", step.place, counted.hosts.size(),
                                  claim.hosts));
    }
    const bool agrees = counted.layers.size() <= 1 && (counted.failed == 0 || counted.layers.empty());
    if (step.agrees && !agrees) found.push_back(fmt::format("{}: its executions do not agree", step.place));
    if (reproducible && !agrees && step.reaches_image)
      found.push_back(fmt::format("{}: it differs and reaches the image", step.place));
    if (reproducible && step.witnesses.size() < 2)
      found.push_back(fmt::format("{}: one execution proves nothing", step.place));
  }
  if (!claim.same_host && claim.executions > 1 && all_hosts.size() == 1)
    found.emplace_back("everything ran on one host, which it does not say");
  if (!claim.emulated && emulated) found.emplace_back("a step was emulated, which it does not say");
  return found;
}

}  // namespace crossmill::attest
