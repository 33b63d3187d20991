#include "coordinator/engine/agent_relay.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/status.h"

namespace crossmill::coordinator {

AgentChannel::AgentChannel(std::shared_ptr<AttachedClient> client, uint64_t number, std::string ssh_id)
    : client_(std::move(client)), number_(number), ssh_id_(std::move(ssh_id)) {}

bool AgentChannel::Send(std::string data) {
  MutexLock lock(client_->mutex_);
  while (!closed_ && to_agent_bytes_ + data.size() > kMaxWaitingBytes && to_agent_bytes_ > 0) {
    client_->changed_.Wait(client_->mutex_);
  }
  if (closed_ || worker_ended_) return false;
  to_agent_bytes_ += data.size();
  to_agent_.push_back(std::move(data));
  client_->changed_.NotifyAll();
  return true;
}

void AgentChannel::SendEnd() {
  MutexLock lock(client_->mutex_);
  worker_ended_ = true;
  client_->changed_.NotifyAll();
}

std::optional<v1::ForwardFrame> AgentChannel::Receive(std::chrono::milliseconds patience, bool* over) {
  MutexLock lock(client_->mutex_);
  if (to_worker_.empty() && (!agent_ended_ || end_received_) && !closed_) {
    client_->changed_.WaitFor(client_->mutex_, patience);
  }
  *over = false;
  v1::ForwardFrame frame;
  if (!to_worker_.empty()) {
    to_worker_bytes_ -= to_worker_.front().size();
    frame.set_data(std::move(to_worker_.front()));
    to_worker_.pop_front();
    return frame;
  }
  if (agent_ended_ && !end_received_) {
    end_received_ = true;
    client_->ForgetIfOver(*this);
    frame.set_end(true);
    return frame;
  }
  *over = closed_;
  return std::nullopt;
}

absl::Status AgentChannel::status() {
  MutexLock lock(client_->mutex_);
  return why_;
}

void AgentChannel::Close() {
  MutexLock lock(client_->mutex_);
  if (closed_) return;
  if (opened_ && !end_sent_) client_->abandoned_.push_back(number_);
  client_->CloseChannel(*this, absl::CancelledError("the step closed the connection"));
}

std::shared_ptr<AgentChannel> AttachedClient::Open(const std::string& ssh_id) {
  MutexLock lock(mutex_);
  if (closed_) return nullptr;
  const uint64_t number = next_channel_++;
  std::shared_ptr<AgentChannel> channel(new AgentChannel(shared_from_this(), number, ssh_id));
  channels_[number] = channel;
  changed_.NotifyAll();
  return channel;
}

std::shared_ptr<AgentChannel> AttachedClient::FindDue() const {
  const auto due = [](const AgentChannel& channel) {
    return !channel.opened_ || !channel.to_agent_.empty() || (channel.worker_ended_ && !channel.end_sent_);
  };
  for (auto it = channels_.upper_bound(last_served_); it != channels_.end(); ++it) {
    if (due(*it->second)) return it->second;
  }
  for (const auto& [number, channel] : channels_) {
    if (due(*channel)) return channel;
  }
  return nullptr;
}

std::optional<AgentFrame> AttachedClient::Next(std::chrono::milliseconds patience, bool* over) {
  MutexLock lock(mutex_);
  std::shared_ptr<AgentChannel> channel = FindDue();
  if (channel == nullptr && abandoned_.empty() && !closed_) {
    changed_.WaitFor(mutex_, patience);
    channel = FindDue();
  }
  *over = closed_;
  AgentFrame message;
  if (!abandoned_.empty()) {
    message.channel = abandoned_.front();
    message.end = true;
    abandoned_.pop_front();
    return message;
  }
  if (channel == nullptr || closed_) return std::nullopt;
  last_served_ = channel->number_;
  message.channel = channel->number_;
  if (!channel->opened_) {
    channel->opened_ = true;
    message.ssh_id = channel->ssh_id_;
  } else if (!channel->to_agent_.empty()) {
    channel->to_agent_bytes_ -= channel->to_agent_.front().size();
    message.data = std::move(channel->to_agent_.front());
    channel->to_agent_.pop_front();
  } else {
    channel->end_sent_ = true;
    message.end = true;
    ForgetIfOver(*channel);
  }
  changed_.NotifyAll();
  return message;
}

void AttachedClient::Deliver(AgentFrame message) {
  MutexLock lock(mutex_);
  const auto found = channels_.find(message.channel);
  if (found == channels_.end()) return;
  const std::shared_ptr<AgentChannel> channel = found->second;
  if (channel->agent_ended_) return;
  if (!message.data.empty()) {
    if (channel->to_worker_bytes_ + message.data.size() > AgentChannel::kMaxWaitingBytes) {
      abandoned_.push_back(channel->number_);
      CloseChannel(*channel,
                   absl::ResourceExhaustedError("the step does not read what its ssh agent answers"));
      return;
    }
    channel->to_worker_bytes_ += message.data.size();
    channel->to_worker_.push_back(std::move(message.data));
  }
  if (message.end) channel->agent_ended_ = true;
  changed_.NotifyAll();
}

void AttachedClient::Close(const absl::Status& why) {
  MutexLock lock(mutex_);
  closed_ = true;
  const auto channels = channels_;
  for (const auto& [number, channel] : channels) CloseChannel(*channel, why);
  changed_.NotifyAll();
}

void AttachedClient::CloseChannel(AgentChannel& channel, const absl::Status& why) {
  channel.closed_ = true;
  channel.why_ = why;
  channels_.erase(channel.number_);
  changed_.NotifyAll();
}

void AttachedClient::ForgetIfOver(AgentChannel& channel) {
  if (channel.end_sent_ && channel.end_received_) CloseChannel(channel, absl::OkStatus());
}

std::shared_ptr<AttachedClient> AgentRelay::Attach(int64_t build, std::set<std::string> ssh_ids) {
  auto client = std::make_shared<AttachedClient>(build, std::move(ssh_ids));
  MutexLock lock(mutex_);
  if (closed_) {
    client->Close(absl::UnavailableError("the coordinator is shutting down"));
  } else {
    clients_[build].push_back(client);
  }
  return client;
}

void AgentRelay::Detach(const std::shared_ptr<AttachedClient>& client) {
  client->Close(absl::UnavailableError(fmt::format(
      "the client that gave build {} its ssh agents is not connected any more", client->build())));
  MutexLock lock(mutex_);
  const auto found = clients_.find(client->build());
  if (found == clients_.end()) return;
  std::erase(found->second, client);
  if (found->second.empty()) clients_.erase(found);
}

std::shared_ptr<AttachedClient> AgentRelay::Find(int64_t build, const std::string& ssh_id) {
  const auto found = clients_.find(build);
  if (found == clients_.end()) return nullptr;
  const auto& clients = found->second;
  const auto client = std::find_if(clients.rbegin(), clients.rend(),
                                   [&](const auto& candidate) { return candidate->Offers(ssh_id); });
  return client == clients.rend() ? nullptr : *client;
}

bool AgentRelay::Offers(int64_t build, const std::string& ssh_id) {
  MutexLock lock(mutex_);
  return Find(build, ssh_id) != nullptr;
}

absl::StatusOr<std::shared_ptr<AgentChannel>> AgentRelay::Open(int64_t build, const std::string& ssh_id) {
  std::shared_ptr<AttachedClient> client;
  {
    MutexLock lock(mutex_);
    client = Find(build, ssh_id);
  }
  std::shared_ptr<AgentChannel> channel = client == nullptr ? nullptr : client->Open(ssh_id);
  if (channel == nullptr) {
    return absl::UnavailableError(
        fmt::format("no client that offers ssh agent {} is attached to build {}", ssh_id, build));
  }
  return channel;
}

void AgentRelay::CloseBuild(int64_t build) {
  std::vector<std::shared_ptr<AttachedClient>> clients;
  {
    MutexLock lock(mutex_);
    auto found = clients_.find(build);
    if (found == clients_.end()) return;
    clients = std::move(found->second);
    clients_.erase(found);
  }
  for (const auto& client : clients)
    client->Close(absl::UnavailableError(fmt::format("build {} has ended", build)));
}

void AgentRelay::CloseAll() {
  MutexLock lock(mutex_);
  closed_ = true;
  for (const auto& [build, clients] : clients_) {
    for (const auto& client : clients)
      client->Close(absl::UnavailableError("the coordinator is shutting down"));
  }
  clients_.clear();
}

}  // namespace crossmill::coordinator
