// A package index whose answers the test writes, for pages and files.
#pragma once

#include <string>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/index/index_files.h"
#include "tests/support/fake_http_client.h"

namespace crossmill::index {

inline http::FakeAnswer JsonPage(const std::string& files) {
  http::FakeAnswer answer;
  answer.headers["content-type"] = "application/vnd.pypi.simple.v1+json";
  answer.body = R"({"meta":{"api-version":"1.1"},"name":"demo","versions":["1.0"],"files":[)" + files + "]}";
  return answer;
}

inline std::string JsonFile(const std::string& name, const std::string& content,
                            const std::string& more = "") {
  return fmt::format(R"({{"filename":"{}","url":"../../files/{}","hashes":{{"sha256":"{}"}},"size":{}{}}})",
                     name, name, DigestOf(content).hash, content.size(), more);
}

inline http::FakeAnswer FileAnswer(const std::string& content) {
  http::FakeAnswer answer;
  answer.headers["content-length"] = std::to_string(content.size());
  answer.body = content;
  return answer;
}

// Collects a file.
class TextSink final : public FileSink {
 public:
  absl::Status Begin(std::optional<int64_t> announced) override {
    ++begun;
    size = announced;
    return absl::OkStatus();
  }
  absl::Status Write(std::string_view bytes) override {
    text += bytes;
    return absl::OkStatus();
  }
  int begun = 0;
  std::optional<int64_t> size;
  std::string text;
};

}  // namespace crossmill::index
