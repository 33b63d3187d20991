#include "coordinator/buildkit/files/folder_transfer.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator::buildkit {
namespace {

using fsutil::types::Packet;

// So few that what they take on the way never fills it: the client sends while we ask.
constexpr size_t kMostAsked = 1'024;
// Clients send four at a time.
constexpr size_t kMostBegun = 64;
constexpr int64_t kPacketsBetweenTold = 256;

}  // namespace

absl::Status FolderTransfer::Wrong(std::string_view what) const {
  return absl::InvalidArgumentError(
      fmt::format("the client does not keep to the protocol of folders: {}", what));
}

absl::Status FolderTransfer::Run(const Wishes& wishes) {
  Packet packet;
  for (int64_t packets = 1; call_.Read(&packet); ++packets) {
    RETURN_IF_ERROR(Take(packet, wishes));
    RETURN_IF_ERROR(AskForMore());
    if (wishes.told && packets % kPacketsBetweenTold == 0) wishes.told(sent_);
  }
  RETURN_IF_ERROR(call_.Finish());
  if (!fin_received_) return Wrong("it ended in the middle");
  if (wishes.told) wishes.told(sent_);
  return absl::OkStatus();
}

absl::Status FolderTransfer::Take(Packet& packet, const Wishes& wishes) {
  if (fin_received_) return Wrong("it went on after its end");
  switch (packet.type()) {
    case Packet::PACKET_STAT:
      return TakeEntry(packet, wishes);
    case Packet::PACKET_DATA:
      return TakeData(packet, wishes);
    case Packet::PACKET_FIN:
      if (!fin_sent_) return Wrong("it ended before all was sent");
      fin_received_ = true;
      return absl::OkStatus();
    case Packet::PACKET_ERR:
      return absl::FailedPreconditionError(
          fmt::format("the client cannot send its folder: {}", Printable(packet.data().substr(0, 1000))));
    default:
      return Wrong("a packet that only receivers send");
  }
}

absl::Status FolderTransfer::TakeEntry(const Packet& packet, const Wishes& wishes) {
  if (listed_) return Wrong("an entry after the end of the list");
  if (!packet.has_stat()) {
    listed_ = true;
    return wishes.on_listed();
  }
  ASSIGN_OR_RETURN(const uint32_t number, tree_.Add(packet.stat()));
  if (tree_.at(number).kind != SentEntry::Kind::kFile || tree_.at(number).size == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool wanted, wishes.on_file(number));
  if (wanted) Want(number);
  return absl::OkStatus();
}

absl::Status FolderTransfer::TakeData(Packet& packet, const Wishes& wishes) {
  const auto found = asked_.find(packet.id());
  if (found == asked_.end()) return Wrong("content that nobody asked for");
  Content& content = found->second;
  const SentEntry& entry = tree_.at(packet.id());
  const auto changed = [&] {
    return absl::InvalidArgumentError(fmt::format(
        "{} was announced with {} bytes, and the client sent {}: it changed while it was sent; try again",
        Printable(tree_.PathOf(packet.id())), entry.size, content.size));
  };
  if (packet.data().empty()) {
    if (content.size != entry.size) return changed();
    Content whole = std::move(content);
    asked_.erase(found);
    --begun_;
    ++sent_.files;
    return wishes.on_content(packet.id(), std::move(whole));
  }
  if (content.size == 0 && ++begun_ > kMostBegun)
    return Wrong(fmt::format("more than {} contents at the same time", kMostBegun));
  content.size += static_cast<int64_t>(packet.data().size());
  sent_.bytes += static_cast<int64_t>(packet.data().size());
  if (content.size > entry.size) return changed();
  if (content.written == nullptr && entry.size > static_cast<int64_t>(most_in_memory_)) {
    if (blobs_ == nullptr) {
      return absl::ResourceExhaustedError(fmt::format("{} has {} bytes, of at most {}",
                                                      Printable(tree_.PathOf(packet.id())), entry.size,
                                                      most_in_memory_));
    }
    ASSIGN_OR_RETURN(content.written, blobs_->Create({}));
  }
  if (content.written != nullptr) return content.written->Write(packet.data());
  // What a client has announced and not sent takes no memory.
  if (content.bytes.empty()) {
    content.bytes.swap(*packet.mutable_data());
  } else {
    content.bytes += packet.data();
  }
  return absl::OkStatus();
}

absl::Status FolderTransfer::AskForMore() {
  while (!wanted_.empty() && asked_.size() < kMostAsked) {
    const uint32_t number = wanted_.front();
    wanted_.pop_front();
    asked_.try_emplace(number);
    // A write fails when the call is over, of which reading tells more.
    if (!call_.Ask(number)) return absl::OkStatus();
  }
  if (!listed_ || !wanted_.empty() || !asked_.empty() || fin_sent_) return absl::OkStatus();
  fin_sent_ = true;
  call_.SendFin();
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator::buildkit
