#include "worker/network/name_resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <optional>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostQuestions = 1024;
constexpr size_t kMostKnown = 1024;
constexpr absl::Duration kKeepAddresses = absl::Seconds(20);
constexpr absl::Duration kKeepFailures = absl::Seconds(2);

NameResolver::Addresses Look(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) {
    const std::string text = fmt::format("{}: {}", host, gai_strerror(error));
    const bool missing = error == EAI_NONAME || error == EAI_NODATA;
    return missing ? absl::NotFoundError(text) : absl::UnavailableError(text);
  }
  std::vector<IpAddress> addresses;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    if (const auto address = IpAddress::Of(*each->ai_addr)) addresses.push_back(*address);
  }
  freeaddrinfo(list);
  if (addresses.empty()) return absl::NotFoundError(fmt::format("{}: no address", host));
  return addresses;
}

}  // namespace

SystemResolver::SystemResolver(Clock& clock, int threads) : clock_(clock) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

SystemResolver::~SystemResolver() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    questions_.clear();
    changed_.NotifyAll();
  }
  threads_.clear();
}

void SystemResolver::Resolve(const std::string& host, Done done) {
  std::optional<Addresses> answer;
  {
    MutexLock lock(mutex_);
    const auto known = known_.find(host);
    if (known != known_.end() && clock_.Now() < known->second.until) {
      answer = known->second.addresses;
    } else if (questions_.size() >= kMostQuestions) {
      answer = absl::UnavailableError("too many names are being looked up");
    } else {
      questions_.push_back({host, std::move(done)});
      changed_.NotifyOne();
      return;
    }
  }
  done(*answer);
}

void SystemResolver::Work() {
  while (true) {
    Question question;
    {
      MutexLock lock(mutex_);
      while (questions_.empty() && !ending_) changed_.Wait(mutex_);
      if (ending_) return;
      question = std::move(questions_.front());
      questions_.pop_front();
    }
    const Addresses addresses = Look(question.host);
    Keep(question.host, addresses);
    question.done(addresses);
  }
}

void SystemResolver::Keep(const std::string& host, const Addresses& addresses) {
  const absl::Time now = clock_.Now();
  MutexLock lock(mutex_);
  if (known_.size() >= kMostKnown) {
    std::erase_if(known_, [&](const auto& entry) { return entry.second.until <= now; });
    if (known_.size() >= kMostKnown) known_.clear();
  }
  known_.insert_or_assign(host, Known{addresses, now + (addresses.ok() ? kKeepAddresses : kKeepFailures)});
}

}  // namespace crossmill::worker
