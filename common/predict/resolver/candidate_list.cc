// The order of candidates: files of the index, and what is there already among them.
#include "common/predict/resolver/candidate_list.h"

#include "common/base/status.h"

namespace crossmill::predict {

absl::StatusOr<const Candidate*> CandidateList::At(size_t index) {
  while (!ended_ && made_.size() <= index) RETURN_IF_ERROR(MakeNext());
  return index < made_.size() ? made_[index] : nullptr;
}

absl::StatusOr<bool> CandidateList::Empty() {
  if (found_.prefers_present && found_.present != nullptr) return false;
  ASSIGN_OR_RETURN(const Candidate* first, At(0));
  return first == nullptr;
}

void CandidateList::Take(const Candidate* candidate) {
  versions_.insert(candidate->version);
  if (!found_.without.contains(candidate)) made_.push_back(candidate);
}

absl::Status CandidateList::MakeNext() {
  const Candidate* present = present_taken_ ? nullptr : found_.present;
  if (next_ == found_.files.size()) {
    ended_ = true;
    if (present != nullptr && !versions_.contains(present->version)) Take(present);
    return absl::OkStatus();
  }
  if (present != nullptr && found_.prefers_present) {
    present_taken_ = true;
    Take(present);
    return absl::OkStatus();
  }
  const python::UsableFile& file = found_.files[next_];
  const python::Version& version = file.file->version;
  if (!versions_.contains(version) && present != nullptr && present->version >= version) {
    present_taken_ = true;
    Take(present);
    return absl::OkStatus();
  }
  ++next_;
  if (versions_.contains(version)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const CandidateMaker::Made made,
                   maker_->MakeCandidate(*found_.page, file, *found_.template_need, found_.hashes));
  if (made.invalid) versions_.insert(version);
  if (made.candidate == nullptr) return absl::OkStatus();
  Take(found_.extras.empty() ? made.candidate
                             : maker_->WithExtras(made.candidate, found_.extras, *found_.template_need));
  return absl::OkStatus();
}

}  // namespace crossmill::predict
