// The progress of one build as Control.Status tells it: everything in the order in which it was said, for
// readers that come when they like and read as slowly as they like.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/buildkit/status/progress_board.h"
#include "moby/buildkit/v1/control.pb.h"

namespace crossmill::coordinator::buildkit {

namespace bk = ::moby::buildkit::v1;

struct BoardLimits {
  // Of what is kept for readers. Logs, byte counts and warnings beyond it are left out, which a log line says
  // once; vertices are kept, as there are no more of them than a plan has steps.
  size_t most_bytes = size_t{4} << 20;
  // Of one answer to a reader.
  size_t message_bytes = size_t{512} << 10;
  // Between two counts of the same line.
  int64_t count_pause_nanos = 100'000'000;
};

// Thread safe. Readers share what is kept: a slow one costs nothing but its place. Vertices may outlive it.
class StatusBoard final : public ProgressBoard {
 public:
  // `salt`: of digests; clients show several builds as one graph, in which equal digests are one vertex.
  explicit StatusBoard(Clock& clock, std::string salt = "", BoardLimits limits = {});
  ~StatusBoard() override;

  std::shared_ptr<ProgressVertex> Begin(std::string_view name,
                                        const std::vector<std::string>& inputs = {}) override;

  // A vertex whose times somebody else knows: what is said of it now, whole. Its digest is the caller's.
  void Tell(const bk::Vertex& vertex);
  void TellLog(const std::string& digest, int stream, int64_t time_nanos, std::string_view bytes);
  void TellCount(const std::string& digest, std::string_view id, int64_t current, int64_t total, bool done);
  void TellWarning(const bk::VertexWarning& warning);

  // Vertices that have begun and not ended become failed with this text, and nothing more is taken: readers
  // end when they have read everything.
  void Close(std::string_view open_ones_error);

  // What is behind `place`, which moves on; waits until there is something. False: it is closed and all was
  // read, or the reader was stopped. The first call waits for a start, not for the end.
  bool Next(size_t* place, bk::StatusResponse* response, std::stop_token stop);
  // Whether nothing will come behind `place`: who asks need not pause.
  bool EndsAt(size_t place);

 private:
  class Vertex;
  struct Kept;
  // Outlives the board as long as vertices do.
  const std::shared_ptr<Kept> kept_;
};

// "sha256:..." of a text.
std::string VertexDigest(std::string_view text);

}  // namespace crossmill::coordinator::buildkit
