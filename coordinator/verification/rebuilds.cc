#include "coordinator/verification/rebuilds.h"

#include "common/base/status.h"

namespace crossmill::coordinator {

absl::StatusOr<Submitted> Rebuilds::Submit(int64_t build, const RebuildWish& wish,
                                           const std::string& idempotency_key,
                                           const std::vector<v1::Secret>& secrets, const core::Scope& scope) {
  FarmReader& reader = engine_.reader();
  ASSIGN_OR_RETURN(const int64_t seen, reader.walls().Find(scope, build));
  ASSIGN_OR_RETURN(v1::BuildView view, reader.Get(seen));
  // Whoever names none means the last one that made something of its own.
  if (build == 0 && view.has_rebuild()) {
    ASSIGN_OR_RETURN(view, reader.Get(view.rebuild().build()));
  }
  ASSIGN_OR_RETURN(const v1::BuildSubmission recorded, reader.Submission(view.id()));
  ASSIGN_OR_RETURN(v1::BuildSubmission submission, MakeRebuild(recorded, view, wish));
  submission.set_owner(wish.owner);
  submission.clear_owner_operates();
  return engine_.Submit(submission, idempotency_key, secrets, Submitter::kFarm);
}

absl::StatusOr<Submitted> Rebuilds::SubmitAgain(int64_t build) {
  ASSIGN_OR_RETURN(const v1::BuildSubmission recorded, engine_.reader().Submission(build));
  RebuildWish wish;
  wish.hosts = recorded.options().verify();
  wish.allow_same_host = recorded.options().allow_same_host();
  return Submit(build, wish, "");
}

}  // namespace crossmill::coordinator
