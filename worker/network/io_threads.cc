#include "worker/network/io_threads.h"

#include <algorithm>

#include "worker/network/asio.h"

namespace crossmill::worker {

struct IoThreads::Loop {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::jthread thread{[this] { context.run(); }};
};

IoThreads::IoThreads(int count) {
  for (int i = 0; i < std::max(count, 1); ++i) loops_.push_back(std::make_unique<Loop>());
}

IoThreads::~IoThreads() {
  for (const auto& loop : loops_) loop->context.stop();
}

boost::asio::io_context& IoThreads::Next() { return loops_[next_++ % loops_.size()]->context; }

}  // namespace crossmill::worker
