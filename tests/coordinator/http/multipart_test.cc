#include "coordinator/http/multipart.h"

#include <gtest/gtest.h>

#include <map>

#include "coordinator/http/submit_files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::door {
namespace {

constexpr std::string_view kType = "multipart/form-data; charset=utf-8; boundary=\"b b\"";

std::string Part(std::string_view name, std::string_view content) {
  return "--b b\r\nX: y\r\nContent-Disposition: form-data; filename=\"a;name=\\\"no\\\"\"; name=\"" +
         std::string(name) + "\"\r\n\r\n" + std::string(content) + "\r\n";
}

// All parts of a body that comes in pieces of that size, as "NAME=CONTENT;".
absl::StatusOr<std::string> ReadAllParts(std::string_view body, size_t piece) {
  auto reader = MultipartReader::Make(kType);
  if (!reader.ok()) return reader.status();
  std::string text;
  while (true) {
    auto item = reader->Next();
    if (!item.ok()) return item.status();
    if (!*item) {
      if (body.empty()) return text + "no end";
      reader->Feed(body.substr(0, piece));
      body.remove_prefix(std::min(piece, body.size()));
      continue;
    }
    switch ((*item)->kind) {
      case MultipartReader::Item::Kind::kPart:
        text += (*item)->name + "=";
        break;
      case MultipartReader::Item::Kind::kData:
        text += (*item)->data;
        break;
      case MultipartReader::Item::Kind::kPartEnd:
        text += ";";
        break;
      case MultipartReader::Item::Kind::kEnd:
        return text;
    }
  }
}

TEST(MultipartReaderTest, PartsInPiecesOfEverySize) {
  // What could be the boundary's beginning, and is not.
  const std::string content = "\r\n--b \r\n\r\n-" + std::string(1000, '-') + "\r\n";
  const std::string body = "preamble\r\n" + Part("one", content) + Part("empty", "") +
                           Part("same", "=;\xff") + "--b b--\r\nepilogue";
  const std::string wanted = "one=" + content + ";empty=;same==;\xff;";
  for (size_t piece = 1; piece < 80; ++piece)
    EXPECT_EQ(*ReadAllParts(body, piece), wanted) << "pieces of " << piece;
  EXPECT_EQ(*ReadAllParts(body, body.size()), wanted);
}

TEST(MultipartReaderTest, AFormWithoutPartsIsWhole) { EXPECT_EQ(*ReadAllParts("--b b--", 3), ""); }

TEST(MultipartReaderTest, WhatIsNone) {
  for (const char* type : {"multipart/form-data", "multipart/form-data; boundary=",
                           "multipart/form-data; b=c", "multipart/form-data; boundary=\"open"}) {
    EXPECT_EQ(MultipartReader::Make(type).status().code(), absl::StatusCode::kInvalidArgument) << type;
  }
  const std::map<std::string, std::string> bodies = {
      {"--b b\r\nX: y\r\n\r\nz\r\n--b b--", "has no name"},
      {"--b b\r\n\r\nz\r\n--b b--", "has no name"},
      {Part("one", "x") + "--b bx\r\n", "part one: the boundary stands in its content"},
      {"--b b\r\nContent-Disposition: form-data; name=\"x\"" + std::string(9000, ' ') + "\r\n\r\n",
       "head is longer"},
      {std::string(70'000, 'x'), "there is no boundary"},
  };
  for (const auto& [body, words] : bodies) {
    const auto read = ReadAllParts(body, 4096);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << body.substr(0, 100);
    EXPECT_NE(read.status().message().find(words), absl::string_view::npos) << read.status();
  }
  std::string many;
  for (int i = 0; i < 201; ++i) many += Part("p", "");
  EXPECT_EQ(ReadAllParts(many, 4096).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*ReadAllParts(Part("cut", "off"), 4096), "cut=no end") << "its end may still come";
}

TEST(BodyKindTest, TypesInEveryForm) {
  EXPECT_EQ(BodyKindOf("Application/JSON; charset=utf-8"), BodyKind::kJson);
  EXPECT_EQ(BodyKindOf("multipart/form-data; boundary=x"), BodyKind::kMultipart);
  EXPECT_EQ(BodyKindOf(""), BodyKind::kArchive);
  EXPECT_EQ(BodyKindOf("application/zstd"), BodyKind::kArchive);
  // curl's --data-binary without a type: it may be meant as a form.
  EXPECT_EQ(BodyKindOf("application/x-www-form-urlencoded"), BodyKind::kOther);
  EXPECT_EQ(BodyKindOf("text/plain"), BodyKind::kOther);
}

TEST(PartNameTest, WhatThisRequestHas) {
  std::string allowed;
  const Route& route = *FindRoute("POST", "/api/v1/submissions", &allowed)->route;
  for (const char* name : {"context", "request", "secret:token", "git", "file", "platforms", "verify"})
    EXPECT_TRUE(CheckPartName(name, route).ok()) << name;
  for (const char* name : {"", "contexts", "secrets", "secret", "options", "Dockerfile"}) {
    const absl::Status status = CheckPartName(name, route);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_NE(status.message().find(name), absl::string_view::npos) << status;
  }
}

TEST(SecretFieldTest, AnIdAndBase64) {
  const auto secret = ParseSecretField("token=cGxhbnRlZD0=");
  ASSERT_OK(secret.status());
  EXPECT_EQ(secret->id(), "token");
  EXPECT_EQ(secret->value(), "planted=");
  EXPECT_EQ(ParseSecretField("empty=")->value(), "");
  for (const char* field : {"", "token", "=cGxhbnRlZA==", "token=planted!", "\xff=cGxhbnRlZA=="}) {
    const absl::Status status = ParseSecretField(field).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field;
    EXPECT_EQ(status.message().find("planted"), absl::string_view::npos) << "it says the value";
  }
}

}  // namespace
}  // namespace crossmill::coordinator::door
