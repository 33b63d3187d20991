// Everything the command line touches outside itself: injected, so that commands are tested whole.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/base/subprocess.h"
#include "common/rpc/retry.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "crossmill/v1/notices_service.grpc.pb.h"
#include "crossmill/v1/people_service.grpc.pb.h"
#include "crossmill/v1/retention_service.grpc.pb.h"

namespace crossmill::cli {

struct ConnectOptions {
  // "unix:/path" or "host:port".
  std::string address;
  std::string token;
  std::string ca_file;
  // Plain text to another host.
  bool insecure = false;
  // How its calls are made again.
  rpc::RetryPolicy retry;
};

// A coordinator as a client sees it. Thread safe.
struct Farm {
  std::unique_ptr<v1::Builds::StubInterface> builds;
  std::unique_ptr<v1::Matrices::StubInterface> matrices;
  std::unique_ptr<v1::Packages::StubInterface> packages;
  std::unique_ptr<v1::Images::StubInterface> images;
  std::unique_ptr<v1::Wheels::StubInterface> wheels;
  std::unique_ptr<v1::Farm::StubInterface> farm;
  std::unique_ptr<v1::Predictions::StubInterface> predictions;
  std::unique_ptr<v1::Attestations::StubInterface> attestations;
  std::unique_ptr<v1::Verification::StubInterface> verification;
  std::unique_ptr<v1::Webhooks::StubInterface> webhooks;
  std::unique_ptr<v1::Retention::StubInterface> retention;
  std::unique_ptr<v1::People::StubInterface> people;
  std::unique_ptr<BlobStore> blobs;
  // How calls to it are made again; those of `blobs` are so already.
  rpc::RetryPolicy retry;
};

struct Terminal {
  bool is_terminal = false;
  int width = 100;
  int height = 24;
};

class Environment {
 public:
  // `count`: how many times the user has interrupted since the handler was set, from 1. Called on a
  // thread of its own; must be quick and must not call OnInterrupt.
  using InterruptHandler = std::function<void(int count)>;

  virtual ~Environment() = default;
  // Standard output: results. Not thread safe.
  virtual absl::Status Out(std::string_view bytes) = 0;
  // Standard error: progress and errors. Thread safe.
  virtual void Err(std::string_view text) = 0;
  virtual absl::StatusOr<std::string> In() = 0;
  // Up to `size` bytes of standard input; 0 at its end.
  virtual absl::StatusOr<size_t> ReadIn(char* buffer, size_t size) = 0;
  // Whether a terminal shows what is typed into standard input; it does from the start and again at the end.
  // Nothing where that is no terminal.
  virtual void ShowInput(bool shown) = 0;
  virtual Terminal OutTerminal() = 0;
  virtual Terminal ErrTerminal() = 0;
  virtual std::optional<std::string> Variable(const std::string& name) = 0;
  virtual Clock& clock() = 0;
  virtual bool IsRoot() = 0;
  // Folder of this program: where the others are.
  virtual std::string ProgramFolder() = 0;
  // Another program of this machine, to its end.
  virtual absl::StatusOr<ProcessResult> RunProgram(const ProcessOptions& options) = 0;
  // Does not wait for the connection.
  virtual absl::StatusOr<std::unique_ptr<Farm>> Connect(const ConnectOptions& options) = 0;
  // An empty handler (as at the start) means: end the program with 130. After the call the former
  // handler does not run.
  virtual void OnInterrupt(InterruptHandler handler) = 0;
  // Leaves the terminal usable and ends the program at once.
  virtual void ForceExit(int code) = 0;

  // Value of a variable, or "".
  std::string VariableOr(const std::string& name) { return Variable(name).value_or(""); }
};

// The process's own. Blocks SIGINT and SIGTERM and takes them on a thread: make it first in main.
std::unique_ptr<Environment> MakeSystemEnvironment();

}  // namespace crossmill::cli
