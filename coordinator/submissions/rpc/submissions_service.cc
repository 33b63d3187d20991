#include "coordinator/submissions/rpc/submissions_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/base/wiping.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/peers/ownership.h"
#include "coordinator/rpc/stop_when_cancelled.h"

namespace crossmill::coordinator {
namespace {

// Below the door's limit of one call.
constexpr uint32_t kLongestWait = 50;

// What comes of one call: its request, and the bytes of its archive as a stream.
class Pieces {
 public:
  Pieces(const grpc::ServerContext* context, grpc::ServerReader<v1::SubmitFilesPiece>* reader)
      : context_(context), reader_(reader) {}
  ~Pieces() { WipeValues(request_.mutable_secrets()); }
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;

  // Bytes of the archive into `buffer`, at its end 0.
  absl::StatusOr<size_t> Read(char* buffer, size_t size) {
    while (at_ == archive_.size()) {
      ASSIGN_OR_RETURN(const bool more, Next());
      if (!more) return size_t{0};
    }
    const size_t count = archive_.copy(buffer, size, at_);
    at_ += count;
    return count;
  }
  // Whether there is a byte of an archive.
  absl::StatusOr<bool> HasArchive() {
    while (at_ == archive_.size()) {
      ASSIGN_OR_RETURN(const bool more, Next());
      if (!more) return false;
    }
    return true;
  }
  // What stands behind the archive is read, too.
  absl::StatusOr<v1::SubmitFilesRequest*> Request() {
    while (true) {
      if (at_ < archive_.size())
        return absl::InvalidArgumentError("the archive goes on behind its end; send one archive");
      ASSIGN_OR_RETURN(const bool more, Next());
      if (!more) break;
    }
    if (!has_request_) return absl::InvalidArgumentError("the request did not come");
    return &request_;
  }
  absl::Status CheckNotCancelled() const {
    return context_->IsCancelled() ? absl::CancelledError("the call was cancelled") : absl::OkStatus();
  }

 private:
  absl::StatusOr<bool> Next() {
    v1::SubmitFilesPiece piece;
    archive_.clear();
    at_ = 0;
    if (!reader_->Read(&piece)) {
      // Whose client has gone away did not come to its end, which looks the same.
      RETURN_IF_ERROR(CheckNotCancelled());
      return false;
    }
    if (piece.has_archive()) {
      archive_ = std::move(*piece.mutable_archive());
    } else if (piece.has_request()) {
      if (has_request_) return absl::InvalidArgumentError("the request came twice");
      has_request_ = true;
      request_.Swap(piece.mutable_request());
    }
    return true;
  }

  const grpc::ServerContext* context_;
  grpc::ServerReader<v1::SubmitFilesPiece>* reader_;
  v1::SubmitFilesRequest request_;
  bool has_request_ = false;
  std::string archive_;
  size_t at_ = 0;
};

absl::StatusOr<v1::Submission> Take(FileSubmissions& submissions, Pieces& pieces, const core::Author& author,
                                    std::stop_token stop) {
  ASSIGN_OR_RETURN(const bool has_archive, pieces.HasArchive());
  if (!has_archive) {
    ASSIGN_OR_RETURN(const v1::SubmitFilesRequest* const request, pieces.Request());
    if (!request->git().empty()) return submissions.SubmitGit(*request, author);
    if (request->dockerfile().empty()) {
      return absl::InvalidArgumentError(
          "there is neither a context nor git: send a tar, say which repository, or send a dockerfile");
    }
    ASSIGN_OR_RETURN(UnpackedArchive empty, submissions.EmptyContext());
    return submissions.SubmitArchive(std::move(empty), *request, std::move(stop), author);
  }
  const layer::Source source = [&pieces](char* buffer, size_t size) { return pieces.Read(buffer, size); };
  absl::StatusOr<UnpackedArchive> archive = submissions.Unpack(source, stop);
  if (!archive.ok()) return Annotate(archive.status(), "the context");
  ASSIGN_OR_RETURN(const v1::SubmitFilesRequest* const request, pieces.Request());
  if (!request->git().empty() || !request->dockerfile().empty()) {
    return absl::InvalidArgumentError(fmt::format("there are a context and {}; give one of them",
                                                  request->git().empty() ? "a dockerfile" : "git"));
  }
  RETURN_IF_ERROR(pieces.CheckNotCancelled());
  return submissions.SubmitArchive(*std::move(archive), *request, std::move(stop), author);
}

}  // namespace

grpc::Status SubmissionsService::SubmitFiles(grpc::ServerContext* context,
                                             grpc::ServerReader<v1::SubmitFilesPiece>* reader,
                                             v1::Submission* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const absl::Duration limit = submissions_.options().time_limit;
  const StopWhenCancelled cancelled(context, absl::ToChronoNanoseconds(limit));
  // A piece that does not come holds nobody up beyond the limit.
  const std::stop_callback end(cancelled.token(), [context] { context->TryCancel(); });
  Pieces pieces(context, reader);
  absl::StatusOr<v1::Submission> state = Take(submissions_, pieces, AuthorOf(*roles), cancelled.token());
  if (absl::IsCancelled(state.status()) && !context->IsCancelled())
    state = absl::UnavailableError("the coordinator is shutting down");
  if (!state.ok()) return rpc::ToGrpc(state.status());
  *response = *std::move(state);
  return grpc::Status::OK;
}

grpc::Status SubmissionsService::GetSubmissionState(grpc::ServerContext* context,
                                                    const v1::GetSubmissionStateRequest* request,
                                                    v1::Submission* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const absl::Status seen = submissions_.CheckSeen(ScopeOf(*roles), request->submission());
  if (!seen.ok()) return rpc::ToGrpc(seen);
  const absl::Duration wait = absl::Seconds(std::min(request->wait(), kLongestWait));
  std::optional<StopWhenCancelled> cancelled;
  if (wait > absl::ZeroDuration()) cancelled.emplace(context);
  absl::StatusOr<v1::Submission> state =
      submissions_.Find(request->submission(), wait, cancelled ? cancelled->token() : std::stop_token());
  if (!state.ok()) return rpc::ToGrpc(state.status());
  *response = *std::move(state);
  return grpc::Status::OK;
}

grpc::Status SubmissionsService::CancelSubmission(grpc::ServerContext* context,
                                                  const v1::CancelSubmissionRequest* request,
                                                  v1::Submission* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const absl::Status seen = submissions_.CheckSeen(ScopeOf(*roles), request->submission());
  if (!seen.ok()) return rpc::ToGrpc(seen);
  const absl::StatusOr<core::Author> author = submissions_.AuthorOf(request->submission());
  if (!author.ok()) return rpc::ToGrpc(author.status());
  const absl::Status own = CheckOwner(*roles, author->owner, "this submission");
  if (!own.ok()) return rpc::ToGrpc(own);
  absl::StatusOr<v1::Submission> state = submissions_.Cancel(request->submission());
  if (!state.ok()) return rpc::ToGrpc(state.status());
  *response = *std::move(state);
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
