#include "coordinator/buildkit/files/file_sync_call.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/base/threads.h"
#include "common/base/utf8.h"
#include "common/rpc/status_proto.h"

namespace crossmill::coordinator::buildkit {
namespace {

using fsutil::types::Packet;

constexpr std::string_view kDiffCopy = "/moby.filesync.v1.FileSync/DiffCopy";
// Go's server of HTTP/2 takes 1 MiB, with 32 bytes more for each entry.
constexpr size_t kMostHeaderBytes = 900 << 10;
constexpr size_t kHeaderOverhead = 32;

bool IsPlainHeader(std::string_view value) {
  return !value.empty() && value.front() != ' ' && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// As Go's url.QueryEscape.
std::string QueryEscaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      escaped += c;
    } else if (c == ' ') {
      escaped += '+';
    } else {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return escaped;
}

}  // namespace

bool AddHeaderList(const std::string& name, const std::vector<std::string>& values, size_t* room,
                   grpc::ClientContext* context) {
  const bool plain = std::all_of(values.begin(), values.end(), IsPlainHeader);
  std::vector<std::string> written;
  size_t bytes = plain ? 0 : 2 * kHeaderOverhead + name.size();
  for (const std::string& value : values) {
    written.push_back(plain ? value : QueryEscaped(value));
    bytes += name.size() + written.back().size() + kHeaderOverhead;
    if (bytes > *room) return false;
  }
  *room -= bytes;
  for (const std::string& value : written) context->AddMetadata(name, value);
  if (!plain) context->AddMetadata(name + "-encoded", "1");
  return true;
}

FileSyncCall::FileSyncCall(ClientSession& session, std::chrono::milliseconds patience, std::stop_token stop)
    : session_(session),
      patience_(patience),
      stop_(std::move(stop)),
      heard_(std::chrono::steady_clock::now()) {}

FileSyncCall::~FileSyncCall() {
  if (stream_ != nullptr) {
    context_.TryCancel();
    stream_->Finish();
  }
  // Before the context.
  watch_ = std::jthread();
  on_stop_.reset();
  on_end_.reset();
}

absl::Status FileSyncCall::Start(const FolderRequest& request) {
  if (!session_.Serves(kDiffCopy))
    return absl::FailedPreconditionError(
        "the client's session offers no folders (moby.filesync.v1.FileSync)");
  folder_ = request.dir_name;
  size_t room = kMostHeaderBytes;
  if (!AddHeaderList("dir-name", {request.dir_name}, &room, &context_) ||
      !AddHeaderList("exclude-patterns", request.exclude_patterns, &room, &context_) ||
      !AddHeaderList("include-patterns", request.include_patterns, &room, &context_)) {
    return absl::ResourceExhaustedError(
        "the ignore file has more rules than a client of BuildKit can be told (1 MiB): shorten it");
  }
  // Without them the client sends the whole folder, which has all of them.
  AddHeaderList("followpaths", request.follow_paths, &room, &context_);
  stub_ = moby::filesync::v1::FileSync::NewStub(session_.channel());
  stream_ = stub_->DiffCopy(&context_);
  const std::function<void()> cancel = [this] { context_.TryCancel(); };
  on_stop_ = std::make_unique<std::stop_callback<std::function<void()>>>(stop_, cancel);
  on_end_ = std::make_unique<std::stop_callback<std::function<void()>>>(session_.ended(), cancel);
  ASSIGN_OR_RETURN(watch_, StartThread([this](const std::stop_token& over) { Watch(over); }));
  return absl::OkStatus();
}

void FileSyncCall::Watch(const std::stop_token& over) {
  std::unique_lock lock(mutex_);
  while (!over.stop_requested()) {
    const auto end = heard_ + patience_;
    if (std::chrono::steady_clock::now() >= end) {
      too_silent_ = true;
      context_.TryCancel();
      return;
    }
    wake_.wait_until(lock, over, end, [] { return false; });
  }
}

bool FileSyncCall::Read(Packet* packet) {
  if (!stream_->Read(packet)) return false;
  const std::lock_guard lock(mutex_);
  heard_ = std::chrono::steady_clock::now();
  return true;
}

bool FileSyncCall::Ask(uint32_t number) {
  Packet packet;
  packet.set_type(Packet::PACKET_REQ);
  packet.set_id(number);
  return stream_->Write(packet);
}

bool FileSyncCall::SendFin() {
  Packet packet;
  packet.set_type(Packet::PACKET_FIN);
  return stream_->Write(packet);
}

absl::Status FileSyncCall::Finish() {
  const grpc::Status ended = stream_->Finish();
  stream_.reset();
  watch_ = std::jthread();
  if (stop_.stop_requested()) return absl::CancelledError("reading the client's folder was cancelled");
  if (session_.ended().stop_requested())
    return absl::UnavailableError(fmt::format("no active session for {}", Printable(session_.id())));
  if (too_silent_) {
    return absl::DeadlineExceededError(
        fmt::format("the client has sent nothing of its folder {} for {} seconds", Printable(folder_),
                    std::chrono::duration_cast<std::chrono::seconds>(patience_).count()));
  }
  if (ended.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(ended.error_code()),
                      fmt::format("the client does not send its folder {}: {}", Printable(folder_),
                                  Printable(ended.error_message().substr(0, 1000))));
}

}  // namespace crossmill::coordinator::buildkit
