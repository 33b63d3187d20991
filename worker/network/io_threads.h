// Threads that serve the sockets of many steps.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace crossmill::worker {

// Thread safe. Each thread has a context of its own, so that what belongs to one step runs on one thread and
// needs no locks. Dies after everything that uses a context.
class IoThreads {
 public:
  explicit IoThreads(int count);
  ~IoThreads();
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  // One after the other.
  boost::asio::io_context& Next();

 private:
  struct Loop;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::atomic<unsigned> next_ = 0;
};

}  // namespace crossmill::worker
