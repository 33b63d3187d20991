#include "worker/network/step_networks.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr std::chrono::seconds kPauseAfterFailure(1);

// "ADDRESS NAME..." as in a hosts file.
void AddHosts(const std::string& line, std::vector<std::pair<std::string, IpAddress>>* hosts) {
  std::istringstream words(line);
  std::string address;
  words >> address;
  const auto parsed = IpAddress::Parse(address);
  if (!parsed) return;
  for (std::string name; words >> name;) hosts->emplace_back(NormalHost(name), *parsed);
}

}  // namespace

class PreparedNetworks::Network final : public StepNetwork {
 public:
  explicit Network(Prepared prepared) : prepared_(std::move(prepared)) {}
  ~Network() override {
    (void)Finish();
    const std::string place = prepared_.path;
    (void)prepared_.mount.Unmount();
    unlink(place.c_str());
  }

  absl::Status Serve(const std::vector<StepService*>& services, const std::vector<std::string>& lines,
                     const IndexPolicy& index) {
    std::vector<std::pair<std::string, IpAddress>> hosts;
    for (const std::string& line : lines) AddHosts(line, &hosts);
    for (size_t i = 0; i < services.size(); ++i) {
      ASSIGN_OR_RETURN(auto session,
                       services[i]->Serve(std::move(prepared_.network.listeners[i]), {log_, hosts, index}));
      sessions_.push_back(std::move(session));
    }
    return absl::OkStatus();
  }

  const std::string& path() const override { return prepared_.path; }
  v1::StepFetches Finish() override {
    sessions_.clear();
    return log_.Take();
  }

 private:
  Prepared prepared_;
  FetchLog log_;
  std::vector<std::unique_ptr<StepSession>> sessions_;
};

absl::StatusOr<std::unique_ptr<PreparedNetworks>> PreparedNetworks::Create(
    PreparedNetworksOptions options, std::vector<StepService*> services) {
  std::unique_ptr<PreparedNetworks> networks(new PreparedNetworks(std::move(options), std::move(services)));
  const std::string& folder = networks->options_.folder;
  DetachMounts(folder);
  RETURN_IF_ERROR(RemoveTree(folder));
  RETURN_IF_ERROR(MakeFolders(folder, 0700));
  ASSIGN_OR_RETURN(networks->memory_, MountTmpfs(folder, 0700, 0));
  networks->preparer_ = std::jthread([raw = networks.get()] { raw->PrepareAhead(); });
  return networks;
}

PreparedNetworks::~PreparedNetworks() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  if (preparer_.joinable()) preparer_.join();
  MutexLock lock(mutex_);
  ready_.clear();
}

absl::StatusOr<PreparedNetworks::Prepared> PreparedNetworks::Prepare() {
  std::vector<uint16_t> ports;
  for (const StepService* service : services_) ports.push_back(service->port());
  Prepared prepared;
  ASSIGN_OR_RETURN(prepared.network, MakeNetworkNamespace(ports));
  {
    MutexLock lock(mutex_);
    prepared.path = fmt::format("{}/{}", options_.folder, ++number_);
  }
  ASSIGN_OR_RETURN(const UniqueFd place, OpenFile(prepared.path, O_RDONLY | O_CREAT | O_EXCL, 0600));
  const std::string source = fmt::format("/proc/self/fd/{}", prepared.network.itself.get());
  if (mount(source.c_str(), prepared.path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return absl::UnavailableError(ErrnoStatus(errno, "network of a step: mount").message());
  }
  prepared.mount = Mount(prepared.path);
  // From now on the mount keeps it.
  prepared.network.itself.Reset();
  return prepared;
}

void PreparedNetworks::PrepareAhead() {
  bool failing = false;
  while (true) {
    {
      MutexLock lock(mutex_);
      if (failing && !ending_) changed_.WaitFor(mutex_, kPauseAfterFailure);
      while (!ending_ && ready_.size() >= options_.ahead) changed_.Wait(mutex_);
      if (ending_) return;
    }
    auto prepared = Prepare();
    // Whoever needs one is told.
    if (!prepared.ok() && !failing) LogWarning("{}", Sv(prepared.status().message()));
    failing = !prepared.ok();
    if (failing) continue;
    MutexLock lock(mutex_);
    ready_.push_back(*std::move(prepared));
  }
}

absl::StatusOr<std::unique_ptr<StepNetwork>> PreparedNetworks::Take(const std::vector<std::string>& hosts,
                                                                    const IndexPolicy& index) {
  std::optional<Prepared> prepared;
  {
    MutexLock lock(mutex_);
    if (!ready_.empty()) {
      prepared = std::move(ready_.front());
      ready_.pop_front();
      changed_.NotifyAll();
    }
  }
  if (!prepared) {
    ASSIGN_OR_RETURN(prepared, Prepare());
  }
  auto network = std::make_unique<Network>(*std::move(prepared));
  RETURN_IF_ERROR(network->Serve(services_, hosts, index));
  return network;
}

}  // namespace crossmill::worker
