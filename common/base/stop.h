// Stop tokens put together.
#pragma once

#include <functional>
#include <stop_token>
#include <utility>

namespace crossmill {

// Its token stops as soon as one of two tokens has, as long as it lives.
class StopOfEither {
 public:
  StopOfEither(std::stop_token first, std::stop_token second)
      : first_(std::move(first), Forward{&ending_}), second_(std::move(second), Forward{&ending_}) {}
  StopOfEither(const StopOfEither&) = delete;
  StopOfEither& operator=(const StopOfEither&) = delete;

  std::stop_token token() const { return ending_.get_token(); }

 private:
  struct Forward {
    std::stop_source* ending;
    void operator()() const { ending->request_stop(); }
  };

  std::stop_source ending_;
  std::stop_callback<Forward> first_;
  std::stop_callback<Forward> second_;
};

}  // namespace crossmill
