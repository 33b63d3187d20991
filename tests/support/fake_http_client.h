// An HttpClient whose answers are written down by the test.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/http/http_client.h"

namespace crossmill::http {

struct FakeAnswer {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string body;
  // Returned after the body, instead of the response.
  absl::Status broken;
};

// Thread safe. Answers are per "METHOD URL", in order; the last one is repeated. Unknown URLs are 404.
class FakeHttpClient final : public HttpClient {
 public:
  void Answer(const std::string& method_and_url, FakeAnswer answer) {
    MutexLock lock(mutex_);
    answers_[method_and_url].push_back(std::move(answer));
  }

  absl::StatusOr<HttpResponse> Send(const HttpRequest& request, const BodySink& sink) override {
    FakeAnswer answer;
    HttpRequest recorded = request;
    if (request.body_source) {
      recorded.body.resize(static_cast<size_t>(request.source_size));
      size_t done = 0;
      while (done < recorded.body.size()) {
        ASSIGN_OR_RETURN(const size_t count,
                         request.body_source(static_cast<int64_t>(done), recorded.body.data() + done,
                                             recorded.body.size() - done));
        if (count == 0) return absl::DataLossError("the body's source ended early");
        done += count;
      }
      recorded.body_source = nullptr;
    }
    {
      MutexLock lock(mutex_);
      requests_.push_back(std::move(recorded));
      auto it = answers_.find(request.method + " " + request.url);
      if (it == answers_.end()) {
        answer.status = 404;
      } else {
        answer = it->second.front();
        if (it->second.size() > 1) it->second.pop_front();
      }
    }
    HttpResponse response{answer.status, answer.headers, request.url};
    // In two pieces, as a network might.
    const std::string_view body = answer.body;
    for (const std::string_view piece : {body.substr(0, body.size() / 2), body.substr(body.size() / 2)}) {
      if (!piece.empty()) RETURN_IF_ERROR(sink(response, piece));
    }
    if (!answer.broken.ok()) return answer.broken;
    return response;
  }

  std::vector<HttpRequest> requests() {
    MutexLock lock(mutex_);
    return requests_;
  }

 private:
  Mutex mutex_;
  std::map<std::string, std::deque<FakeAnswer>> answers_ ABSL_GUARDED_BY(mutex_);
  std::vector<HttpRequest> requests_ ABSL_GUARDED_BY(mutex_);
};

// A request's header; empty if there is none.
inline std::string HeaderOf(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace crossmill::http
