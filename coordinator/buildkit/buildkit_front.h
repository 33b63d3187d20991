// BuildKit's client API as a whole: its services, what they share, and the door in front of them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/buildkit/front_limits.h"
#include "coordinator/buildkit/solve/solve_services.h"

namespace crossmill::coordinator::buildkit {

struct FrontOptions {
  // Of its socket, "buildkit.sock", and of the farm's authority.
  std::string data_folder;
  // host:port (port 0: any free one); empty: the socket only.
  std::string tcp_address;
  // PEM; with a TCP address.
  std::string certificate_file, key_file;
  // PEM, whose certificates name tokens by their common name; empty: those of the farm's authority only.
  std::string client_authorities_file;
  FrontLimits limits = {};
};

// What it takes of the farm; all outlives it.
struct FrontParts {
  const Authenticator& authenticator;
  // The farm's own services, in this process.
  std::shared_ptr<grpc::Channel> farm;
  // For what is new.
  BlobStore& blobs;
  ImageStore& images;
  RemoteSources& sources;
  FileSubmissions& archives;
  Clock& clock;
  v1::Platform build_platform;
  PlanningLimits planning;
  ExportServices exports;
  // SolveServices::spans_of.
  std::function<absl::StatusOr<std::vector<opentelemetry::proto::trace::v1::Span>>(int64_t build)> spans_of;
  // The page's address, "http://127.0.0.1:7779"; empty: there is none.
  std::function<std::string()> page;
};

// Stops when it dies. Thread safe.
class BuildKitFront {
 public:
  // Listens. Errors are the door's.
  static absl::StatusOr<std::unique_ptr<BuildKitFront>> Start(const FrontOptions& options, FrontParts parts);
  virtual ~BuildKitFront() = default;

  virtual const std::string& unix_socket() const = 0;
  // 0 without a TCP address.
  virtual int tcp_port() const = 0;
  virtual absl::Status ReloadCertificates() = 0;
  // Cancels the builds of clients, and returns when all calls have ended.
  virtual void Stop() = 0;
};

}  // namespace crossmill::coordinator::buildkit
