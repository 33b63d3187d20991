#include "coordinator/rpc/connections/connection_budget.h"

#include <arpa/inet.h>

#include <cstring>

namespace crossmill::coordinator {

std::string PeerGroup(std::string_view address) {
  // Without the interface of an address that is only good there.
  const std::string plain(address.substr(0, address.find('%')));
  in6_addr bits = {};
  if (inet_pton(AF_INET6, plain.c_str(), &bits) != 1) return plain;
  char text[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&bits)) {
    inet_ntop(AF_INET, &bits.s6_addr[12], text, sizeof(text));
    return text;
  }
  std::memset(&bits.s6_addr[8], 0, 8);
  inet_ntop(AF_INET6, &bits, text, sizeof(text));
  return std::string(text) + "/64";
}

ConnectionBudget::Answer ConnectionBudget::Admit(uint64_t id, const std::string& peer) {
  // What is being closed makes room soon: nobody else has to go meanwhile.
  if (connections_.size() >= limits_.most && closing_ > 0) return {};
  const auto place = peers_.try_emplace(peer).first;
  Peer& own = place->second;
  Answer answer;
  bool room = true;
  if (own.connections >= limits_.most_of_peer || own.unknown.size() >= limits_.most_unknown_of_peer) {
    answer.evicted = AnyOf(own);
    room = answer.evicted != 0;
  } else if (connections_.size() >= limits_.most || unknown_ >= limits_.most_unknown) {
    answer.evicted = AnyOfTheMost();
    room = answer.evicted != 0;
  }
  if (answer.evicted != 0) Evict(answer.evicted);
  // What was evicted has its descriptor still: there is never one more than `most`.
  if (!room || connections_.size() >= limits_.most) {
    if (own.connections == 0) peers_.erase(place);
    return answer;
  }
  answer.admitted = true;
  connections_[id] = {.state = State::kUnknown, .peer = place, .place = own.unknown.size()};
  ++own.connections;
  own.unknown.push_back(id);
  ++unknown_;
  return answer;
}

uint64_t ConnectionBudget::AnyOf(const Peer& peer) {
  return peer.unknown.empty() ? 0 : peer.unknown[random_() % peer.unknown.size()];
}

uint64_t ConnectionBudget::AnyOfTheMost() {
  const Peer* most = nullptr;
  for (const auto& [name, peer] : peers_) {
    if (most == nullptr || peer.unknown.size() > most->unknown.size()) most = &peer;
  }
  return most == nullptr ? 0 : AnyOf(*most);
}

void ConnectionBudget::Leave(Connection& connection, State state) {
  if (connection.state == State::kUnknown) {
    std::vector<uint64_t>& list = connection.peer->second.unknown;
    list[connection.place] = list.back();
    connections_.at(list.back()).place = connection.place;
    list.pop_back();
    --unknown_;
  }
  if (connection.state == State::kClosing) --closing_;
  if (state == State::kClosing) ++closing_;
  connection.state = state;
}

void ConnectionBudget::Know(uint64_t id) {
  const auto found = connections_.find(id);
  if (found != connections_.end() && found->second.state == State::kUnknown)
    Leave(found->second, State::kKnown);
}

void ConnectionBudget::Evict(uint64_t id) {
  const auto found = connections_.find(id);
  if (found != connections_.end()) Leave(found->second, State::kClosing);
}

void ConnectionBudget::Forget(uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Leave(found->second, State::kClosing);
  --closing_;
  const auto peer = found->second.peer;
  connections_.erase(found);
  if (--peer->second.connections == 0) peers_.erase(peer);
}

bool ConnectionBudget::IsUnknown(uint64_t id) const {
  const auto found = connections_.find(id);
  return found != connections_.end() && found->second.state == State::kUnknown;
}

}  // namespace crossmill::coordinator
