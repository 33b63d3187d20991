#include "common/attest/weighing.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/attest/dsse.h"
#include "common/attest/execution_statement.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/words/words.h"

namespace crossmill::attest {
namespace {

std::string_view KindOf(std::string_view predicate_type) {
  if (predicate_type == kExecutionPredicate) return "execution";
  if (predicate_type == kVerdictPredicate) return "verdict";
  if (predicate_type == kProvenancePredicate) return "provenance";
  if (predicate_type == kCycloneDxPredicate) return "packages";
  return "other";
}

std::string Short(const std::string& hash) { return "sha256:" + hash.substr(0, 12); }

// A statement that can be read, with whose it is.
struct Read {
  // Into Weighed::files.
  size_t file = 0;
  std::string sha256;
  Statement statement;
  std::optional<ExecutionClaim> execution;
  std::optional<VerdictClaim> verdict;
};

class Scales {
 public:
  explicit Scales(const WeighingInput& input) : input_(input) {
    for (const GivenKey& key : input.keys) {
      const auto [at, added] = keys_.emplace(key.key.id(), &key);
      if (!added && key.trusted) at->second = &key;
    }
    for (const auto& [id, key] : keys_) {
      if (key->trusted) trusted_.push_back(key);
    }
  }

  Weighed Run() {
    for (const GivenFile& file : input_.files) ReadFile(file);
    Vouch();
    FindWanted();
    for (const Read& read : reads_) CheckSigner(read);
    for (const Read& read : reads_) CheckSubject(read);
    for (const Read& read : reads_) {
      if (read.verdict) WeighVerdict(read);
    }
    CompareFarms();
    CompareExecutions();
    CheckImages();
    Conclude();
    return std::move(result_);
  }

 private:
  void Note(Weight weight, std::string reason) {
    auto& list = reasons_[weight];
    if (std::find(list.begin(), list.end(), reason) == list.end()) list.push_back(std::move(reason));
  }

  void ReadFile(const GivenFile& file) {
    const size_t index = result_.files.size();
    WeighedFile& weighed = result_.files.emplace_back();
    weighed.name = file.name;
    const absl::Status status = ReadStatement(file, index);
    if (status.ok()) return;
    weighed.standing = Standing::kRefused;
    weighed.problem = std::string(Sv(status.message()));
    Note(Weight::kRefused, fmt::format("{}: {}", file.name, weighed.problem));
  }

  absl::Status ReadStatement(const GivenFile& file, size_t index) {
    WeighedFile& weighed = result_.files[index];
    ASSIGN_OR_RETURN(const Envelope envelope, ParseEnvelope(file.bytes));
    RETURN_IF_ERROR(FindSigner(envelope, &weighed));
    // Only now: nothing is read of what somebody changed. What has an unknown key is read, and counts for
    // nothing.
    if (envelope.payload_type != kInTotoPayload)
      return absl::InvalidArgumentError(fmt::format("its payload is not of the type {}", kInTotoPayload));
    Read read;
    read.file = index;
    read.sha256 = Sha256Hex(file.bytes);
    ASSIGN_OR_RETURN(read.statement, ParseStatement(envelope.payload));
    weighed.kind = KindOf(read.statement.predicate_type);
    for (const Subject& subject : read.statement.subjects) weighed.subjects.push_back(subject.sha256);
    if (weighed.kind == "execution") {
      ASSIGN_OR_RETURN(read.execution, ReadExecution(read.statement));
    } else if (weighed.kind == "verdict") {
      ASSIGN_OR_RETURN(read.verdict, ReadVerdict(read.statement));
    }
    if (read.execution) executions_.emplace(read.sha256, reads_.size());
    reads_.push_back(std::move(read));
    return absl::OkStatus();
  }

  // The key whose signature is right, one that was given before others. A signature that names a key which is
  // here, and is not by it, is wrong.
  absl::Status FindSigner(const Envelope& envelope, WeighedFile* weighed) const {
    const GivenKey* signer = nullptr;
    for (const GivenKey* key : CandidatesOf(envelope)) {
      if (!IsSignedBy(envelope, key->key)) continue;
      if (signer == nullptr || key->trusted) signer = key;
      if (signer->trusted) break;
    }
    if (signer != nullptr) {
      weighed->key_id = signer->key.id();
      weighed->key_name = signer->name;
      weighed->standing = signer->trusted ? Standing::kSigned : Standing::kUntrusted;
      return absl::OkStatus();
    }
    weighed->key_id = envelope.signatures.front().key_id;
    for (const EnvelopeSignature& signature : envelope.signatures) {
      if (keys_.contains(signature.key_id)) {
        return absl::InvalidArgumentError(fmt::format(
            "the signature is not that of the key {} over this content", signature.key_id.substr(0, 12)));
      }
    }
    weighed->standing = Standing::kUnknownKey;
    return absl::OkStatus();
  }

  // Those that were given, whatever the envelope says, and those that it names: a folder full of keys must
  // not cost a check of each against each file.
  std::vector<const GivenKey*> CandidatesOf(const Envelope& envelope) const {
    std::vector<const GivenKey*> candidates = trusted_;
    for (const EnvelopeSignature& signature : envelope.signatures) {
      const auto named = keys_.find(signature.key_id);
      if (named != keys_.end() && !named->second->trusted) candidates.push_back(named->second);
    }
    return candidates;
  }

  // Workers' keys that verdicts of given keys name, by the file that was signed with them.
  void Vouch() {
    std::set<std::string> vouched;
    for (const Read& read : reads_) {
      if (!read.verdict || result_.files[read.file].standing != Standing::kSigned) continue;
      for (const StepClaim& step : read.verdict->steps) {
        for (const WitnessClaim& witness : step.witnesses) vouched.insert(witness.statement.key_id);
      }
    }
    for (const Read& read : reads_) {
      WeighedFile& file = result_.files[read.file];
      // For executions alone: no worker speaks for the farm.
      if (read.execution && file.standing == Standing::kUntrusted && vouched.contains(file.key_id))
        file.standing = Standing::kVouched;
    }
  }

  bool Counts(const Read& read) const {
    const Standing standing = result_.files[read.file].standing;
    return standing == Standing::kSigned || standing == Standing::kVouched;
  }

  void CheckSigner(const Read& read) {
    const WeighedFile& file = result_.files[read.file];
    if (file.standing == Standing::kUnknownKey) {
      Note(Weight::kInconclusive, fmt::format("{}: the key {} that it says it is signed with is not here",
                                              file.name, file.key_id.substr(0, 12)));
    } else if (file.standing == Standing::kUntrusted && trusted_.empty()) {
      Note(Weight::kInconclusive,
           "no key was given: the signatures are right, but nothing says whose the keys are (--key)");
    } else if (file.standing == Standing::kUntrusted) {
      Note(Weight::kInconclusive,
           fmt::format("{}: it is signed with the key {}, which was not given and which no "
                       "signed verdict names",
                       file.name, file.key_id.substr(0, 12)));
    }
  }

  // Which index an image is in only its verdict says.
  void FindWanted() {
    wanted_.insert(input_.images.begin(), input_.images.end());
    std::set<std::string> below;
    for (const Read& read : reads_) {
      if (!read.verdict || !Counts(read)) continue;
      const auto index = HashOfOci(read.verdict->index);
      if (index.ok() && wanted_.contains(*index)) below.insert(read.verdict->image);
    }
    wanted_.merge(below);
  }

  bool IsAboutWanted(const Read& read) const {
    return std::any_of(read.statement.subjects.begin(), read.statement.subjects.end(),
                       [&](const Subject& subject) { return wanted_.contains(subject.sha256); });
  }

  // What is about an image has to be about one of those in question. Of a statement that does not count, that
  // is said already.
  void CheckSubject(const Read& read) {
    if (wanted_.empty() || read.execution || !Counts(read) || IsAboutWanted(read)) return;
    const WeighedFile& file = result_.files[read.file];
    Note(Weight::kDiffers,
         fmt::format("{}: it is about another image, {}", file.name, Short(file.subjects.front())));
  }

  void WeighVerdict(const Read& read) {
    const WeighedFile& file = result_.files[read.file];
    if (file.standing != Standing::kSigned) return;
    if (!wanted_.empty() && !IsAboutWanted(read)) return;
    FarmSays& says = result_.verdicts.emplace_back();
    says.file = file.name;
    says.key_id = file.key_id;
    says.key_name = file.key_name;
    says.claim = *read.verdict;
    for (const std::string& contradiction : Contradictions(says.claim))
      Note(Weight::kDiffers, fmt::format("{} contradicts itself: {}", file.name, contradiction));
    for (const StepClaim& step : says.claim.steps) {
      for (const WitnessClaim& witness : step.witnesses) WeighWitness(step, witness, &says);
    }
    const std::string& word = says.claim.verdict;
    if (word == Word(v1::VERDICT_REPRODUCIBLE)) return;
    const bool open = word == Word(v1::VERDICT_UNVERIFIED) || word == Word(v1::VERDICT_INCONCLUSIVE);
    Note(open ? Weight::kInconclusive : Weight::kDiffers,
         fmt::format("{}: {} is {}: {}", file.name, says.claim.platform, word, says.claim.reason));
  }

  // A worker's statement that a verdict rests on has to say what the verdict says of that execution.
  void WeighWitness(const StepClaim& step, const WitnessClaim& witness, FarmSays* says) {
    ++says->listed;
    if (witness.statement.file_sha256.empty()) return;
    ++says->with_statement;
    const auto found = executions_.find(witness.statement.file_sha256);
    if (found == executions_.end() || !Counts(reads_[found->second])) return;
    const Read& read = reads_[found->second];
    const WeighedFile& file = result_.files[read.file];
    std::string differs;
    if (file.key_id != witness.statement.key_id) differs = "key";
    if (read.execution->layer != witness.layer) differs = "layer";
    if (read.execution->host_id != witness.host_id) differs = "host";
    if (read.execution->worker != witness.worker) differs = "worker";
    if (read.execution->emulated != witness.emulated) differs = "emulation";
    if (read.execution->step_key != step.key) differs = "step key";
    if (differs.empty()) {
      ++says->confirmed;
    } else {
      Note(Weight::kDiffers,
           fmt::format("{} and {} disagree about the {} of {}", says->file, file.name, differs, step.place));
    }
  }

  // Farms may know an image under one platform only by one digest, unless two images are in question.
  void CompareFarms() {
    std::set<std::string> farms;
    std::set<std::string> hosts;
    std::map<std::string, const FarmSays*> first;
    for (const FarmSays& says : result_.verdicts) {
      farms.insert(says.key_id);
      for (const StepClaim& step : says.claim.steps) {
        for (const WitnessClaim& witness : step.witnesses) hosts.insert(witness.host_id);
      }
      const auto [at, added] = first.emplace(says.claim.platform, &says);
      if (added || at->second->claim.image == says.claim.image || wanted_.contains(says.claim.image))
        continue;
      Note(Weight::kDiffers,
           fmt::format("{} and {} disagree: the image of {} is {} or {}", at->second->file, says.file,
                       says.claim.platform, Short(at->second->claim.image), Short(says.claim.image)));
    }
    result_.farms = farms.size();
    result_.hosts = hosts.size();
  }

  // Executions of one step, of whatever farm: another layer is a disagreement, unless a verdict tells of it.
  void CompareExecutions() {
    std::set<std::string> told;
    for (const FarmSays& says : result_.verdicts) {
      for (const StepClaim& step : says.claim.steps) {
        if (!step.agrees) told.insert(step.key);
      }
    }
    std::map<std::string, const Read*> first;
    for (const Read& read : reads_) {
      if (!read.execution || !Counts(read) || told.contains(read.execution->step_key)) continue;
      const auto [at, added] = first.emplace(read.execution->step_key, &read);
      if (added || at->second->execution->layer == read.execution->layer) continue;
      Note(Weight::kDiffers, fmt::format("{} and {} disagree: the same step gave {} and {}",
                                         result_.files[at->second->file].name, result_.files[read.file].name,
                                         Short(at->second->execution->layer), Short(read.execution->layer)));
    }
  }

  // Each image that something is about needs a verdict, and each in question.
  void CheckImages() {
    if (result_.verdicts.empty())
      Note(Weight::kInconclusive, "there is no verdict of a farm whose key was given");
    std::set<std::string> known;
    for (const FarmSays& says : result_.verdicts) {
      known.insert(says.claim.image);
      if (const auto index = HashOfOci(says.claim.index); index.ok()) known.insert(*index);
    }
    for (const std::string& image : input_.images) {
      if (!known.contains(image))
        Note(Weight::kInconclusive, fmt::format("no signed verdict is about {}", Short(image)));
    }
    for (const Read& read : reads_) {
      if (read.execution || read.verdict || !Counts(read)) continue;
      for (const Subject& subject : read.statement.subjects) {
        if (known.contains(subject.sha256)) continue;
        Note(Weight::kInconclusive, fmt::format("no signed verdict is about {}, of which {} tells",
                                                Short(subject.sha256), result_.files[read.file].name));
      }
    }
  }

  void Conclude() {
    result_.weight = Weight::kAgreed;
    for (const Weight weight : {Weight::kRefused, Weight::kDiffers, Weight::kInconclusive}) {
      const auto found = reasons_.find(weight);
      if (found == reasons_.end()) continue;
      if (result_.weight == Weight::kAgreed) result_.weight = weight;
      result_.reasons.insert(result_.reasons.end(), found->second.begin(), found->second.end());
    }
  }

  const WeighingInput& input_;
  // By id.
  std::map<std::string, const GivenKey*> keys_;
  std::vector<const GivenKey*> trusted_;
  std::vector<Read> reads_;
  // By the SHA-256 of its file: an index into reads_.
  std::map<std::string, size_t> executions_;
  // Hex: the images in question, and those that are in an index in question.
  std::set<std::string> wanted_;
  std::map<Weight, std::vector<std::string>> reasons_;
  Weighed result_;
};

}  // namespace

std::string_view StandingWord(Standing standing) {
  switch (standing) {
    case Standing::kSigned:
      return "signed";
    case Standing::kVouched:
      return "vouched";
    case Standing::kUntrusted:
      return "untrusted";
    case Standing::kUnknownKey:
      return "unknown-key";
    case Standing::kRefused:
      return "refused";
  }
  return "";
}

std::string_view WeightWord(Weight weight) {
  switch (weight) {
    case Weight::kAgreed:
      return "agreed";
    case Weight::kRefused:
      return "refused";
    case Weight::kDiffers:
      return "differs";
    case Weight::kInconclusive:
      return "inconclusive";
  }
  return "";
}

Weighed Weigh(const WeighingInput& input) { return Scales(input).Run(); }

}  // namespace crossmill::attest
