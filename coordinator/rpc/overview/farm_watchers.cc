#include "coordinator/rpc/overview/farm_watchers.h"

#include <optional>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/status_proto.h"

namespace crossmill::coordinator {

namespace {

// Without builds that the scope does not see.
std::shared_ptr<const v1::FarmNews> Seen(std::shared_ptr<const v1::FarmNews> message,
                                         const core::Scope& scope) {
  if (scope.is_farm()) return message;
  auto seen = std::make_shared<v1::FarmNews>();
  seen->set_sequence(message->sequence());
  seen->set_reset(message->reset());
  seen->set_workers(message->workers());
  for (const v1::BuildView& build : message->builds()) {
    if (scope.Sees(build.project())) *seen->add_builds() = build;
  }
  return seen;
}

}  // namespace

// All but OnDone is done under the lock of the watchers.
class FarmWatchers::Stream final : public grpc::ServerWriteReactor<v1::FarmNews> {
 public:
  Stream(FarmWatchers& watchers, const core::Scope& scope, int64_t after)
      : watchers_(watchers), scope_(scope), after_(after) {}

  // Begins to tell what is new, unless something is still on its way.
  void Serve() ABSL_EXCLUSIVE_LOCKS_REQUIRED(watchers_.mutex_) {
    if (message_ != nullptr || end_ || watchers_.board_.sequence() == after_) return;
    std::shared_ptr<const v1::FarmNews> message = Seen(watchers_.MessageBehind(after_), scope_);
    after_ = message->sequence();
    // Of others nothing is told, not even that there is something.
    const bool nothing = message->builds().empty() && !message->workers() && !message->reset();
    if (nothing && !scope_.is_farm()) return;
    message_ = std::move(message);
    StartWrite(message_.get());
  }
  // The call ends with `status`, once; gRPC takes that only between two messages.
  void End(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(watchers_.mutex_) {
    if (end_) return;
    end_ = status;
    if (message_ == nullptr) Finish(rpc::ToGrpc(*end_));
  }

 private:
  void OnWriteDone(bool ok) override {
    MutexLock lock(watchers_.mutex_);
    message_.reset();
    if (end_) return Finish(rpc::ToGrpc(*end_));
    if (!ok) return End(absl::CancelledError("the follower is gone"));
    // Told in the next round, not before the pause.
    if (watchers_.board_.sequence() != after_) watchers_.Wake();
  }
  void OnCancel() override {
    MutexLock lock(watchers_.mutex_);
    End(absl::CancelledError("the follower is gone"));
  }
  void OnDone() override {
    {
      MutexLock lock(watchers_.mutex_);
      watchers_.streams_.erase(this);
    }
    delete this;
  }

  FarmWatchers& watchers_;
  const core::Scope scope_;
  // What it was told, or is being told.
  int64_t after_;
  // On its way.
  std::shared_ptr<const v1::FarmNews> message_;
  std::optional<absl::Status> end_;
};

FarmWatchers::FarmWatchers(overview::NewsBoard& board, std::chrono::milliseconds pause)
    : board_(board), pause_(pause), thread_([this] { Run(); }) {
  board_.SetListener([this] { Wake(); });
}

FarmWatchers::~FarmWatchers() {
  Stop();
  board_.SetListener(nullptr);
  {
    MutexLock lock(wake_mutex_);
    ending_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

grpc::ServerWriteReactor<v1::FarmNews>* FarmWatchers::Follow(const absl::StatusOr<core::Scope>& scope,
                                                             int64_t after) {
  MutexLock lock(mutex_);
  // Who may see nothing is told the error alone.
  auto* const stream = new Stream(*this, scope.ok() ? *scope : core::Scope::OfProject(""), after);
  streams_.insert(stream);
  if (!scope.ok()) {
    stream->End(scope.status());
  } else if (stopped_) {
    stream->End(absl::UnavailableError("the coordinator is shutting down"));
  } else {
    stream->Serve();
  }
  return stream;
}

void FarmWatchers::Stop() {
  MutexLock lock(mutex_);
  stopped_ = true;
  for (Stream* stream : streams_) stream->End(absl::UnavailableError("the coordinator is shutting down"));
}

void FarmWatchers::Wake() {
  MutexLock lock(wake_mutex_);
  woken_ = true;
  wake_.NotifyAll();
}

void FarmWatchers::Run() {
  while (true) {
    {
      MutexLock lock(wake_mutex_);
      while (!woken_ && !ending_) wake_.Wait(wake_mutex_);
      if (ending_) return;
      woken_ = false;
    }
    ServeAll();
    MutexLock lock(wake_mutex_);
    const auto until = std::chrono::steady_clock::now() + pause_;
    for (auto left = pause_; left.count() > 0 && !ending_;
         left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()))
      wake_.WaitFor(wake_mutex_, left);
  }
}

void FarmWatchers::ServeAll() {
  MutexLock lock(mutex_);
  for (Stream* stream : streams_) stream->Serve();
}

std::shared_ptr<const v1::FarmNews> FarmWatchers::MessageBehind(int64_t after) {
  if (made_ != nullptr && made_behind_ == after && made_->sequence() == board_.sequence()) return made_;
  const overview::FarmChanges changes = board_.Since(after);
  auto message = std::make_shared<v1::FarmNews>();
  message->set_sequence(changes.sequence);
  message->set_reset(changes.reset);
  message->set_workers(changes.workers);
  for (const auto& build : changes.builds) *message->add_builds() = *build;
  made_behind_ = after;
  made_ = std::move(message);
  return made_;
}

}  // namespace crossmill::coordinator
