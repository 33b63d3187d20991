// The client against servers that do not behave.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "common/base/status.h"
#include "common/bucket/bucket.h"
#include "tests/common/http/scripted_server.h"
#include "tests/support/status_matchers.h"

namespace crossmill::bucket {
namespace {

std::string Answer(std::string_view status, std::string_view body, std::string_view headers = "") {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), headers, body);
}

std::string ErrorXml(std::string_view code) {
  return fmt::format("<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>said</Message></Error>", code);
}

http::BodySource SourceOf(const std::string& bytes) {
  return [&bytes](int64_t offset, char* buffer, size_t size) -> absl::StatusOr<size_t> {
    return bytes.copy(buffer, size, static_cast<size_t>(offset));
  };
}

class S3BucketTest : public testing::Test {
 protected:
  void Serve(http::ScriptedServer::Handler handler) {
    server_ = std::make_unique<http::ScriptedServer>(std::move(handler));
    S3Options options;
    options.address = *ParseBucketAddress("s3://farm/pre", server_->Url(""), "");
    options.credentials = [] { return Credentials{"AKID", "topsecret", ""}; };
    options.part_bytes = 1000;
    options.attempts = 4;
    options.idle_limit = absl::Seconds(1);
    options.pause = [this](absl::Duration time, const std::stop_token& stop) {
      pauses_.push_back(time);
      return !stop.stop_requested();
    };
    bucket_ = MakeS3Bucket(*client_, std::move(options));
  }
  absl::StatusOr<std::string> Read(int64_t size, int64_t offset = 0) {
    std::string all;
    RETURN_IF_ERROR(bucket_->Get("key", size, offset, size - offset,
                                 [&](std::string_view bytes) {
                                   all.append(bytes);
                                   return absl::OkStatus();
                                 },
                                 {}));
    return all;
  }

  const std::unique_ptr<http::HttpClient> client_ = MakeBucketHttpClient();
  std::unique_ptr<http::ScriptedServer> server_;
  std::unique_ptr<Bucket> bucket_;
  std::vector<absl::Duration> pauses_;
};

TEST_F(S3BucketTest, ASmallBlobGoesWithTheHashOfItsBytes) {
  Serve([](const std::string&) { return Answer("200 OK", ""); });
  const std::string bytes = "hello";
  ASSERT_OK(bucket_->Put("blobs/x y", DigestOf(bytes), SourceOf(bytes), {}));
  const std::string seen = server_->requests().at(0);
  EXPECT_TRUE(seen.starts_with("PUT /farm/pre/blobs/x%20y HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("x-amz-content-sha256: " + Sha256Hex(bytes)), std::string::npos) << seen;
  EXPECT_NE(seen.find("x-amz-checksum-sha256: LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
            std::string::npos)
      << seen;
  EXPECT_TRUE(seen.ends_with("\r\n\r\nhello")) << seen;
  EXPECT_EQ(seen.find("topsecret"), std::string::npos);
}

TEST_F(S3BucketTest, AStormOf503IsWaitedOutWithPausesThatDouble) {
  std::atomic<int> asked = 0;
  Serve([&](const std::string&) {
    return ++asked < 4 ? Answer("503 Slow Down", ErrorXml("SlowDown")) : Answer("200 OK", "");
  });
  const std::string bytes = "hello";
  ASSERT_OK(bucket_->Put("k", DigestOf(bytes), SourceOf(bytes), {}));
  ASSERT_EQ(pauses_.size(), 3U);
  for (size_t i = 0; i < pauses_.size(); ++i) {
    EXPECT_LE(pauses_[i], absl::Milliseconds(200) * (1 << i));
    EXPECT_GE(pauses_[i], absl::Milliseconds(50) * (1 << i));
  }
}

TEST_F(S3BucketTest, AStormWithoutEndIsUnavailable) {
  Serve([](const std::string&) { return Answer("503 No", ErrorXml("SlowDown")); });
  const auto head = bucket_->GetSmall("k", 100, {});
  EXPECT_TRUE(absl::IsUnavailable(head.status())) << head.status();
  EXPECT_EQ(server_->requests().size(), 4U);
  EXPECT_NE(head.status().message().find("SlowDown"), absl::string_view::npos) << head.status();
}

TEST_F(S3BucketTest, WhatWillNotPassIsNotTriedAgain) {
  const std::vector<std::tuple<std::string, std::string, absl::StatusCode>> cases = {
      {"404 N", "NoSuchKey", absl::StatusCode::kNotFound},
      {"404 N", "NoSuchBucket", absl::StatusCode::kFailedPrecondition},
      {"403 N", "SignatureDoesNotMatch", absl::StatusCode::kPermissionDenied},
      {"403 N", "RequestTimeTooSkewed", absl::StatusCode::kPermissionDenied},
      {"400 N", "AuthorizationHeaderMalformed", absl::StatusCode::kFailedPrecondition},
      {"301 N", "PermanentRedirect", absl::StatusCode::kFailedPrecondition},
      {"412 N", "PreconditionFailed", absl::StatusCode::kAlreadyExists}};
  std::string status;
  std::string code;
  Serve([&](const std::string&) { return Answer(status, ErrorXml(code)); });
  for (const auto& [line, name, expected] : cases) {
    status = line;
    code = name;
    const size_t before = server_->requests().size();
    EXPECT_EQ(bucket_->PutNew("owner", "x", {}).code(), expected) << name;
    EXPECT_EQ(server_->requests().size(), before + 1) << name;
  }
}

TEST_F(S3BucketTest, ARedirectIsNotFollowed) {
  http::ScriptedServer stranger([](const std::string&) { return Answer("200 OK", "stolen"); });
  Serve([&](const std::string&) {
    return Answer("307 Elsewhere", "", fmt::format("Location: {}\r\n", stranger.Url("/farm/pre/key")));
  });
  const auto read = Read(6);
  EXPECT_TRUE(absl::IsFailedPrecondition(read.status())) << read.status();
  EXPECT_TRUE(stranger.requests().empty());
}

TEST_F(S3BucketTest, ABrokenReadGoesOnWhereItWas) {
  const std::string bytes = "0123456789abcdefghij";
  Serve([&](const std::string& request) -> std::string {
    size_t begin = 0;
    if (const size_t range = request.find("range: bytes="); range != std::string::npos)
      begin = std::stoul(request.substr(range + 13));
    const std::string head =
        fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nContent-Range: bytes {}-19/20\r\n\r\n",
                    begin == 0 ? "200 OK" : "206 Partial", 20 - begin, begin);
    // Seven bytes each, then the connection is cut.
    return head + bytes.substr(begin, 7);
  });
  const auto read = Read(20);
  ASSERT_OK(read);
  EXPECT_EQ(*read, bytes);
  EXPECT_EQ(server_->requests().size(), 3U);
}

TEST_F(S3BucketTest, AnotherSizeIsDataLoss) {
  Serve([](const std::string&) { return Answer("200 OK", "12345"); });
  EXPECT_TRUE(absl::IsDataLoss(Read(6).status())) << Read(6).status();
  EXPECT_TRUE(absl::IsDataLoss(Read(4).status())) << Read(4).status();
}

TEST_F(S3BucketTest, ARangeThatIsNotGivenIsNotTakenForOne) {
  Serve([](const std::string&) { return Answer("200 OK", "0123456789"); });
  EXPECT_TRUE(absl::IsFailedPrecondition(Read(10, 5).status())) << Read(10, 5).status();
}

TEST_F(S3BucketTest, ASinkThatFailsEndsTheRead) {
  Serve([](const std::string&) { return Answer("200 OK", "0123456789"); });
  const absl::Status status =
      bucket_->Get("key", 10, 0, 10, [](std::string_view) { return absl::UnavailableError("disk"); }, {});
  EXPECT_EQ(status, absl::UnavailableError("disk"));
  EXPECT_EQ(server_->requests().size(), 1U);
}

TEST_F(S3BucketTest, AServerThatSaysNothingIsGivenUp) {
  // A head that promises more than comes within the limit; the server keeps its connection for a while.
  std::atomic<bool> over = false;
  Serve([&](const std::string&) {
    for (int i = 0; i < 100 && !over; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return std::string();
  });
  std::stop_source stop;
  std::jthread stopping([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  const auto read = bucket_->GetSmall("key", 10, stop.get_token());
  over = true;
  EXPECT_TRUE(absl::IsCancelled(read.status())) << read.status();
}

// A server of uploads in parts.
class UploadInPartsTest : public S3BucketTest {
 protected:
  std::string Handle(const std::string& request) {
    const std::string line = request.substr(0, request.find("\r\n"));
    if (line.find("?uploads=") != std::string::npos && line.starts_with("POST"))
      return Answer(
          "200 OK",
          "<InitiateMultipartUploadResult><UploadId>u/1 2</UploadId></InitiateMultipartUploadResult>");
    if (line.starts_with("PUT")) {
      if (fail_parts_ > 0 && fail_parts_-- > 0) return Answer("500 Oops", ErrorXml("InternalError"));
      parts_.push_back(request.substr(request.find("\r\n\r\n") + 4));
      return Answer("200 OK", "", fmt::format("ETag: \"t{}\"\r\n", parts_.size()));
    }
    if (line.starts_with("DELETE")) ++aborts_;
    if (line.starts_with("POST")) return Answer("200 OK", completion_);
    if (line.starts_with("HEAD")) return "HTTP/1.1 200 OK\r\nContent-Length: 2500\r\n\r\n";
    return Answer("204 No", "");
  }
  void SetUp() override {
    Serve([this](const std::string& request) { return Handle(request); });
  }

  std::atomic<int> fail_parts_ = 0;
  std::atomic<int> aborts_ = 0;
  std::string completion_ = "<CompleteMultipartUploadResult/>";
  std::vector<std::string> parts_;
  const std::string bytes_ = [] {
    std::string bytes;
    for (int i = 0; i < 2500; ++i) bytes.push_back(static_cast<char>('a' + i % 26));
    return bytes;
  }();
};

TEST_F(UploadInPartsTest, PartsAreHashedAndPutTogether) {
  fail_parts_ = 2;
  ASSERT_OK(bucket_->Put("big", DigestOf(bytes_), SourceOf(bytes_), {}));
  ASSERT_EQ(parts_.size(), 3U);
  EXPECT_EQ(parts_[0] + parts_[1] + parts_[2], bytes_);
  const std::string last = server_->requests().back();
  EXPECT_TRUE(last.starts_with("POST /farm/pre/big?uploadId=u%2F1%202 ")) << last;
  EXPECT_NE(last.find("<Part><PartNumber>3</PartNumber><ETag>&quot;t3&quot;</ETag></Part>"),
            std::string::npos)
      << last;
  EXPECT_EQ(aborts_, 0);
}

TEST_F(UploadInPartsTest, BytesOfAnotherDigestNeverBecomeAnObject) {
  Digest other = DigestOf(bytes_);
  other.hash = Sha256Hex("other");
  EXPECT_TRUE(absl::IsDataLoss(bucket_->Put("big", other, SourceOf(bytes_), {})));
  EXPECT_EQ(aborts_, 1);
  for (const std::string& request : server_->requests())
    EXPECT_EQ(request.find("<CompleteMultipartUpload>"), std::string::npos);
}

TEST_F(UploadInPartsTest, AFailureBehind200IsOneAndIsAborted) {
  completion_ = "  " + ErrorXml("InternalError");
  const absl::Status status = bucket_->Put("big", DigestOf(bytes_), SourceOf(bytes_), {});
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(aborts_, 1);
}

TEST_F(UploadInPartsTest, APartThatFailsForGoodAbortsTheUpload) {
  fail_parts_ = 100;
  EXPECT_TRUE(absl::IsUnavailable(bucket_->Put("big", DigestOf(bytes_), SourceOf(bytes_), {})));
  EXPECT_EQ(aborts_, 1);
  EXPECT_TRUE(parts_.empty());
}

TEST_F(UploadInPartsTest, ASourceThatEndsEarlyIsDataLoss) {
  const std::string half = bytes_.substr(0, 1200);
  EXPECT_TRUE(absl::IsDataLoss(bucket_->Put("big", DigestOf(bytes_), SourceOf(half), {})));
  EXPECT_EQ(aborts_, 1);
}

TEST_F(S3BucketTest, ListingsGoOverPagesAndLeaveOutStrangers) {
  Serve([](const std::string& request) {
    if (request.find("continuation-token=n%2F1") == std::string::npos) {
      return Answer("200 OK",
                    "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>n/1"
                    "</NextContinuationToken><Contents><Key>pre/a&amp;b</Key><Size>7</Size></Contents>"
                    "<Contents><Key>other/x</Key><Size>1</Size></Contents></ListBucketResult>");
    }
    return Answer("200 OK",
                  "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>pre/c</Key><Size>0</Size>"
                  "</Contents></ListBucketResult>");
  });
  std::vector<std::string> keys;
  ASSERT_OK(bucket_->List("",
                          [&](const std::vector<ObjectInfo>& page) {
                            for (const ObjectInfo& object : page)
                              keys.push_back(fmt::format("{}={}", object.key, object.size));
                            return absl::OkStatus();
                          },
                          {}));
  EXPECT_EQ(keys, (std::vector<std::string>{"a&b=7", "c=0"}));
}

TEST_F(S3BucketTest, AListingThatGoesInCirclesEnds) {
  Serve([](const std::string&) {
    return Answer("200 OK",
                  "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>same"
                  "</NextContinuationToken></ListBucketResult>");
  });
  const auto nothing = [](const std::vector<ObjectInfo>&) { return absl::OkStatus(); };
  EXPECT_TRUE(absl::IsUnavailable(bucket_->List("", nothing, {})));
  EXPECT_EQ(server_->requests().size(), 2U);
}

TEST_F(S3BucketTest, ListingsThatAreNoXmlOrHaveNoSizeAreErrors) {
  std::string body = "<html><body>Welcome to the hotel's network</body>";
  Serve([&](const std::string&) { return Answer("200 OK", body); });
  const auto nothing = [](const std::vector<ObjectInfo>&) { return absl::OkStatus(); };
  EXPECT_TRUE(absl::IsUnavailable(bucket_->List("", nothing, {})));
  body = "<ListBucketResult><Contents><Key>pre/c</Key><Size>-3</Size></Contents></ListBucketResult>";
  EXPECT_TRUE(absl::IsUnavailable(bucket_->List("", nothing, {})));
}

TEST_F(S3BucketTest, UnfinishedUploadsAreFound) {
  Serve([](const std::string&) {
    return Answer(
        "200 OK",
        "<ListMultipartUploadsResult><Upload><Key>pre/a</Key><UploadId>1</UploadId>"
        "<Initiated>2024-02-29T01:02:03.000Z</Initiated></Upload><Upload><Key>pre/b</Key>"
        "<UploadId>2</UploadId><Initiated>yesterday</Initiated></Upload></ListMultipartUploadsResult>");
  });
  const auto found = bucket_->ListUnfinished("", {});
  ASSERT_OK(found);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].begun, absl::FromUnixSeconds(1709168523));
  EXPECT_EQ((*found)[1].begun, absl::InfiniteFuture());
}

}  // namespace
}  // namespace crossmill::bucket
