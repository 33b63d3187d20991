// Calls that stay open, by the token that they came with: one whose token is no longer good ends within
// seconds, whichever way it lost it: revoked, expired, or its line taken out of the file.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_interceptor.h>

#include <map>
#include <memory>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/storage/connection.h"

namespace crossmill::coordinator {

// Thread safe. The authenticator outlives it, and it the server.
class OpenCalls {
 public:
  explicit OpenCalls(const Authenticator& authenticator) : authenticator_(authenticator) {}
  ~OpenCalls();
  OpenCalls(const OpenCalls&) = delete;
  OpenCalls& operator=(const OpenCalls&) = delete;

  // From now on it looks once a second. When the authenticator is complete.
  void Start();

  // Shows it each call that streams.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeInterceptors();

  // The call is there until Forget; `context` lives longer.
  void Add(grpc::ServerContextBase* context, std::string hash);
  void Forget(grpc::ServerContextBase* context);
  // Cancels those whose token is worth nothing now.
  void Look();

 private:
  const Authenticator& authenticator_;
  // Recursive: a call that is cancelled may end, and be forgotten, on the thread that cancels it.
  storage::RecursiveMutex mutex_;
  std::map<grpc::ServerContextBase*, std::string> calls_ ABSL_GUARDED_BY(mutex_);
  Mutex sleeping_;
  CondVar wake_;
  std::jthread thread_;
};

}  // namespace crossmill::coordinator
