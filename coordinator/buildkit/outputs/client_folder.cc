#include "coordinator/buildkit/outputs/client_folder.h"

#include <grpcpp/client_context.h>
#include <sys/stat.h>

#include <deque>
#include <memory>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/rpc/status_proto.h"
#include "coordinator/buildkit/outputs/client_files.h"
#include "moby/filesync/v1/filesync_service.grpc.pb.h"

namespace crossmill::coordinator::buildkit {
namespace {

using fsutil::types::Packet;
using fsutil::types::Stat;
using Stream = grpc::ClientReaderWriter<Packet, Packet>;

// Of Go's os.FileMode.
constexpr uint32_t kGoFolder = 1u << 31;
constexpr uint32_t kGoSymlink = 1u << 27;
constexpr uint32_t kGoDevice = 1u << 26;
constexpr uint32_t kGoFifo = 1u << 25;
constexpr uint32_t kGoSticky = 1u << 20;
constexpr uint32_t kGoCharDevice = 1u << 21;

constexpr char kSeveralPlatforms[] = "buildkit-exporter-multi-platform";
constexpr size_t kPiece = 256 << 10;

std::string Below(const std::string& prefix, const std::string& path) {
  return prefix.empty() ? path : prefix + "/" + path;
}

bool IsDevice(const layer::TarEntry& entry) {
  return entry.type == layer::EntryType::kCharDevice || entry.type == layer::EntryType::kBlockDevice;
}

// What the client asks for, as it comes. Thread safe.
class Requests {
 public:
  // Entries that were offered have numbers from 0 on; content may be asked for of some.
  void Offer(bool has_content) {
    MutexLock lock(mutex_);
    open_.push_back(has_content);
  }

  void Take(const Packet& packet) {
    MutexLock lock(mutex_);
    if (packet.type() == Packet::PACKET_FIN) {
      finished_ = true;
    } else if (packet.type() == Packet::PACKET_ERR) {
      Fail(absl::FailedPreconditionError(
          fmt::format("the client could not write the files: {}", Printable(packet.data()))));
    } else if (packet.type() == Packet::PACKET_REQ) {
      // Each once, so that there are never more of them than entries.
      if (packet.id() >= open_.size() || !open_[packet.id()]) {
        Fail(absl::InvalidArgumentError(
            fmt::format("the client asks for entry {}, which it was not offered", packet.id())));
      } else {
        open_[packet.id()] = false;
        asked_.push_back(packet.id());
      }
    }
    news_.NotifyAll();
  }

  void End() {
    MutexLock lock(mutex_);
    ended_ = true;
    news_.NotifyAll();
  }

  // The next entry; nothing when the client wants no more. UNAVAILABLE: it has gone.
  absl::StatusOr<std::optional<uint32_t>> Next() {
    MutexLock lock(mutex_);
    while (asked_.empty() && !finished_ && !ended_ && error_.ok()) news_.Wait(mutex_);
    RETURN_IF_ERROR(error_);
    if (!asked_.empty()) {
      const uint32_t next = asked_.front();
      asked_.pop_front();
      return std::optional<uint32_t>(next);
    }
    if (finished_) return std::optional<uint32_t>();
    return absl::UnavailableError("the client ended the transfer");
  }

 private:
  void Fail(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (error_.ok()) error_ = std::move(status);
  }
  static std::string Printable(const std::string& text) { return layer::Printable(text.substr(0, 1000)); }

  Mutex mutex_;
  CondVar news_;
  std::vector<bool> open_ ABSL_GUARDED_BY(mutex_);
  std::deque<uint32_t> asked_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

class FolderCall {
 public:
  FolderCall(ClientSession& session, const FolderTransfer& transfer, const std::stop_token& stop)
      : transfer_(transfer),
        stub_(moby::filesync::v1::FileSend::NewStub(session.channel())),
        stop_(stop, session.ended()),
        cancel_(stop_.token(), [this] { context_.TryCancel(); }) {
    AddExporter(context_, transfer.exporter);
    if (transfer.remove_others) context_.AddMetadata(kSeveralPlatforms, "1");
  }

  absl::StatusOr<std::vector<std::string>> Run(const std::vector<FolderTree>& trees) {
    stream_ = stub_->DiffCopy(&context_);
    absl::Status sent;
    {
      const std::jthread reader([this] { Receive(); });
      sent = Send(trees);
      // Whoever waits for the other end is let go; the client's status says more than that.
      if (sent.ok()) {
        stream_->WritesDone();
      } else if (!broken_) {
        context_.TryCancel();
      }
    }
    const grpc::Status status = stream_->Finish();
    if (!sent.ok() && !broken_) return stop_.token().stop_requested() ? Stopped() : sent;
    if (!status.ok()) return stop_.token().stop_requested() ? Stopped() : rpc::FromGrpc(status);
    RETURN_IF_ERROR(sent);
    return Notes();
  }

 private:
  static absl::Status Stopped() { return absl::CancelledError("the transfer was stopped"); }

  void Receive() {
    Packet packet;
    while (stream_->Read(&packet)) requests_.Take(packet);
    requests_.End();
  }

  absl::Status Write(const Packet& packet) {
    if (stream_->Write(packet)) return absl::OkStatus();
    broken_ = true;
    return absl::UnavailableError("the client ended the transfer");
  }

  absl::Status Send(const std::vector<FolderTree>& trees) {
    for (const FolderTree& tree : trees) RETURN_IF_ERROR(List(tree));
    RETURN_IF_ERROR(Write(Packet()));
    while (true) {
      auto asked = requests_.Next();
      // The call's status says why.
      if (absl::IsUnavailable(asked.status())) broken_ = true;
      RETURN_IF_ERROR(asked.status());
      if (!asked->has_value()) break;
      RETURN_IF_ERROR(Content(**asked));
    }
    Packet end;
    end.set_type(Packet::PACKET_FIN);
    return Write(end);
  }

  absl::Status List(const FolderTree& tree) {
    if (!tree.prefix.empty()) {
      layer::TarEntry folder;
      folder.path = tree.prefix;
      folder.type = layer::EntryType::kDirectory;
      folder.mode = 0755;
      folder.mtime = tree.time;
      RETURN_IF_ERROR(Entry(folder, "", layer::Source()));
    }
    left_out_.clear();
    return tree.tree->Visit([&](const layer::TarEntry& entry, const layer::Source& content) {
      const bool link = entry.type == layer::EntryType::kHardLink;
      if (IsDevice(entry) || (link && left_out_.contains(entry.link))) {
        if (devices_++ == 0) first_device_ = entry.path;
        left_out_.insert(entry.path);
        return absl::OkStatus();
      }
      return Entry(entry, tree.prefix, content);
    });
  }

  absl::Status Entry(const layer::TarEntry& entry, const std::string& prefix, const layer::Source& content) {
    const bool file = entry.type == layer::EntryType::kFile;
    if (file && (entry.mode & (S_ISUID | S_ISGID)) != 0 && privileged_++ == 0) first_privileged_ = entry.path;
    Packet packet;
    *packet.mutable_stat() = StatOf(entry, prefix);
    contents_.push_back(file ? content : layer::Source());
    requests_.Offer(file);
    return Write(packet);
  }

  absl::Status Content(uint32_t id) {
    Packet packet;
    packet.set_type(Packet::PACKET_DATA);
    packet.set_id(id);
    const layer::Source source = std::move(contents_[id]);
    contents_[id] = layer::Source();
    std::string buffer(kPiece, '\0');
    while (source) {
      ASSIGN_OR_RETURN(const size_t count, source(buffer.data(), buffer.size()));
      if (count == 0) break;
      packet.set_data(buffer.substr(0, count));
      RETURN_IF_ERROR(Write(packet));
      sent_ += static_cast<int64_t>(count);
      if (transfer_.told) transfer_.told(sent_);
    }
    packet.clear_data();
    return Write(packet);
  }

  std::vector<std::string> Notes() const {
    std::vector<std::string> notes;
    if (devices_ > 0) {
      notes.push_back(fmt::format("{} device nodes are left out, '{}' is the first", devices_,
                                  layer::Printable(first_device_)));
    }
    if (privileged_ > 0) {
      notes.push_back(
          fmt::format("{} files lost their setuid and setgid bits, '{}' is the first; type=tar keeps them",
                      privileged_, layer::Printable(first_privileged_)));
    }
    return notes;
  }

  const FolderTransfer& transfer_;
  grpc::ClientContext context_;
  const std::unique_ptr<moby::filesync::v1::FileSend::Stub> stub_;
  const StopOfEither stop_;
  const std::stop_callback<std::function<void()>> cancel_;
  std::unique_ptr<Stream> stream_;
  Requests requests_;
  // By number; of entries without content, and of those that were sent, nothing.
  std::vector<layer::Source> contents_;
  std::set<std::string> left_out_;
  int64_t sent_ = 0;
  bool broken_ = false;
  int devices_ = 0;
  std::string first_device_;
  int privileged_ = 0;
  std::string first_privileged_;
};

}  // namespace

Stat StatOf(const layer::TarEntry& entry, const std::string& prefix) {
  Stat stat;
  stat.set_path(Below(prefix, entry.path));
  uint32_t mode = entry.mode & 0777;
  if ((entry.mode & S_ISVTX) != 0) mode |= kGoSticky;
  switch (entry.type) {
    case layer::EntryType::kDirectory:
      mode |= kGoFolder;
      break;
    case layer::EntryType::kSymlink:
      mode |= kGoSymlink;
      stat.set_linkname(entry.link);
      break;
    case layer::EntryType::kFifo:
      mode |= kGoFifo;
      break;
    case layer::EntryType::kCharDevice:
      mode |= kGoDevice | kGoCharDevice;
      break;
    case layer::EntryType::kBlockDevice:
      mode |= kGoDevice;
      break;
    case layer::EntryType::kHardLink:
      stat.set_linkname(Below(prefix, entry.link));
      break;
    case layer::EntryType::kFile:
      stat.set_size(entry.size);
      break;
  }
  stat.set_mode(mode);
  stat.set_uid(entry.uid);
  stat.set_gid(entry.gid);
  stat.set_mod_time(entry.mtime * 1'000'000'000);
  stat.set_devmajor(entry.dev_major);
  stat.set_devminor(entry.dev_minor);
  return stat;
}

absl::StatusOr<std::vector<std::string>> SendFolder(ClientSession& session,
                                                    const std::vector<FolderTree>& trees,
                                                    const FolderTransfer& transfer, std::stop_token stop) {
  if (!session.Serves(kFileSendMethod)) {
    return absl::FailedPreconditionError("the client takes no files: it offers no moby.filesync.v1.FileSend");
  }
  return FolderCall(session, transfer, stop).Run(trees);
}

}  // namespace crossmill::coordinator::buildkit
