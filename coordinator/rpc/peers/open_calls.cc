#include "coordinator/rpc/peers/open_calls.h"

#include <chrono>
#include <set>
#include <stop_token>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::coordinator {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};

// gRPC drops it with the call, while the context is still there.
class OpenCallInterceptor final : public grpc::experimental::Interceptor {
 public:
  OpenCallInterceptor(OpenCalls& calls, const Authenticator& authenticator,
                      grpc::experimental::ServerRpcInfo& info)
      : calls_(calls), authenticator_(authenticator), info_(info) {}
  ~OpenCallInterceptor() override {
    if (added_) calls_.Forget(info_.server_context());
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (!seen_) {
      seen_ = true;
      absl::StatusOr<Roles> roles = authenticator_.RolesOf(*info_.server_context());
      if (roles.ok() && !roles->hash.empty()) {
        added_ = true;
        calls_.Add(info_.server_context(), std::move(roles->hash));
      }
    }
    methods->Proceed();
  }

 private:
  OpenCalls& calls_;
  const Authenticator& authenticator_;
  grpc::experimental::ServerRpcInfo& info_;
  bool seen_ = false;
  bool added_ = false;
};

class OpenCallInterceptors final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  OpenCallInterceptors(OpenCalls& calls, const Authenticator& authenticator)
      : calls_(calls), authenticator_(authenticator) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override {
    using Type = grpc::experimental::ServerRpcInfo::Type;
    if (info->method() == nullptr || info->type() == Type::UNARY) return nullptr;
    return new OpenCallInterceptor(calls_, authenticator_, *info);
  }

 private:
  OpenCalls& calls_;
  const Authenticator& authenticator_;
};

}  // namespace

void OpenCalls::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    const std::stop_callback on_stop(stop, [this] {
      MutexLock lock(sleeping_);
      wake_.NotifyAll();
    });
    while (!stop.stop_requested()) {
      Look();
      MutexLock lock(sleeping_);
      if (!stop.stop_requested()) wake_.WaitFor(sleeping_, kBetweenLooks);
    }
  });
}

OpenCalls::~OpenCalls() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> OpenCalls::MakeInterceptors() {
  return std::make_unique<OpenCallInterceptors>(*this, authenticator_);
}

void OpenCalls::Add(grpc::ServerContextBase* context, std::string hash) {
  storage::RecursiveMutexLock lock(mutex_);
  calls_[context] = std::move(hash);
}

void OpenCalls::Forget(grpc::ServerContextBase* context) {
  storage::RecursiveMutexLock lock(mutex_);
  calls_.erase(context);
}

void OpenCalls::Look() {
  std::set<std::string> hashes;
  {
    storage::RecursiveMutexLock lock(mutex_);
    for (const auto& [context, hash] : calls_) hashes.insert(hash);
  }
  std::erase_if(hashes, [this](const std::string& hash) { return authenticator_.Knows(hash); });
  if (hashes.empty()) return;
  storage::RecursiveMutexLock lock(mutex_);
  std::vector<grpc::ServerContextBase*> ending;
  for (const auto& [context, hash] : calls_) {
    if (hashes.contains(hash)) ending.push_back(context);
  }
  // Others go only when this lets go of the map; on this thread one may take itself out.
  for (grpc::ServerContextBase* context : ending) {
    if (calls_.contains(context)) context->TryCancel();
  }
}

}  // namespace crossmill::coordinator
