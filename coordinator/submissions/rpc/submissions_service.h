// crossmill.v1.Submissions: archives that are read as they come, and git repositories that are fetched.
#pragma once

#include <stop_token>

#include "coordinator/rpc/authenticator.h"
#include "coordinator/submissions/file_submissions.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class SubmissionsService final : public v1::Submissions::Service {
 public:
  SubmissionsService(FileSubmissions& submissions, const Authenticator& authenticator)
      : submissions_(submissions), authenticator_(authenticator) {}

  grpc::Status SubmitFiles(grpc::ServerContext* context, grpc::ServerReader<v1::SubmitFilesPiece>* reader,
                           v1::Submission* response) override;
  grpc::Status GetSubmissionState(grpc::ServerContext* context, const v1::GetSubmissionStateRequest* request,
                                  v1::Submission* response) override;
  grpc::Status CancelSubmission(grpc::ServerContext* context, const v1::CancelSubmissionRequest* request,
                                v1::Submission* response) override;

 private:
  FileSubmissions& submissions_;
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
