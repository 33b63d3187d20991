// One call of moby.filesync.v1.FileSync to a client, for one folder: its packets, and what ends it.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/buildkit/files/client_folders.h"
#include "coordinator/buildkit/session/client_session.h"
#include "moby/filesync/v1/filesync_service.grpc.pb.h"

namespace crossmill::coordinator::buildkit {

// A list for the metadata of a call, as Go's client of BuildKit writes it: one entry for each, and where one
// is not plain ASCII all of them percent-encoded, with `NAME-encoded: 1`. gRPC ends the process for a value
// that it cannot send, and these come from files of strangers. False: they are larger than a client's HTTP
// takes.
bool AddHeaderList(const std::string& name, const std::vector<std::string>& values, size_t* room,
                   grpc::ClientContext* context);

// Used by one thread.
class FileSyncCall {
 public:
  // Ends early when `stop` or the session does, or when the client has said nothing for `patience`.
  FileSyncCall(ClientSession& session, std::chrono::milliseconds patience, std::stop_token stop);
  ~FileSyncCall();
  FileSyncCall(const FileSyncCall&) = delete;
  FileSyncCall& operator=(const FileSyncCall&) = delete;

  // FAILED_PRECONDITION: the client serves no folders; RESOURCE_EXHAUSTED: the patterns are more than a
  // client's HTTP takes.
  absl::Status Start(const FolderRequest& request);
  // The next packet; false: there is none, and Finish says why.
  bool Read(fsutil::types::Packet* packet);
  // What goes together goes out with the next Flush.
  bool Ask(uint32_t number);
  bool SendFin();
  // What the client, or the end of the session, says of it.
  absl::Status Finish();

 private:
  void Watch(const std::stop_token& over);

  ClientSession& session_;
  const std::chrono::milliseconds patience_;
  const std::stop_token stop_;
  std::string folder_;
  grpc::ClientContext context_;
  std::unique_ptr<moby::filesync::v1::FileSync::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<fsutil::types::Packet, fsutil::types::Packet>> stream_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  // Guarded by mutex_.
  std::chrono::steady_clock::time_point heard_;
  bool too_silent_ = false;
  // After context_: it cancels it.
  std::unique_ptr<std::stop_callback<std::function<void()>>> on_stop_, on_end_;
  std::jthread watch_;
};

}  // namespace crossmill::coordinator::buildkit
