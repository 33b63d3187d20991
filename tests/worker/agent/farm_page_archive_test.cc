// Pages that one worker kept, found by another, through the real service.
#include "worker/agent/farm_page_archive.h"

#include <gtest/gtest.h>

#include "coordinator/rpc/index_pages_service.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill::worker {
namespace {

class FarmPageArchiveTest : public RpcFixture {
 protected:
  std::vector<coordinator::ServedService> MoreServices() override {
    return {{"crossmill.v1.IndexPages", &service_}};
  }

  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
  storage::IndexPageRecords pages_{records_->connection()};
  coordinator::RecordedPages recorded_{pages_, *blobs_, clock_};
  coordinator::IndexPagesService service_{recorded_, authenticator_};
};

TEST_F(FarmPageArchiveTest, APageIsThereForOtherWorkers) {
  FarmPageArchive one(UnixChannel()), other(TcpChannel(kWorkerToken));
  const std::string url = "https://index.example/simple/demo/";
  EXPECT_TRUE(absl::IsNotFound(other.Load(url).status()));
  index::KeptPage page;
  page.content_type = "text/html";
  page.body = std::string("<a href=x>\0</a>", 15) + std::string(5 << 20, ' ');
  page.url = "https://index.example/elsewhere/";
  page.etag = "\"1\"";
  page.last_modified = "Wed, 21 Oct 2015 07:28:00 GMT";
  page.fresh_until = absl::FromUnixNanos(1'700'000'000'123'456'789);
  ASSERT_OK(one.Save(url, page));
  const auto kept = other.Load(url);
  ASSERT_OK(kept);
  EXPECT_EQ(kept->content_type, page.content_type);
  EXPECT_TRUE(kept->body == page.body);
  EXPECT_EQ(kept->url, page.url);
  EXPECT_EQ(kept->etag, page.etag);
  EXPECT_EQ(kept->last_modified, page.last_modified);
  EXPECT_EQ(kept->fresh_until, page.fresh_until);
  page.body = "another";
  ASSERT_OK(one.Save(url, page));
  EXPECT_EQ(other.Load(url)->body, "another");
}

TEST_F(FarmPageArchiveTest, WhatIsNoWebAddressIsRefused) {
  FarmPageArchive archive(UnixChannel());
  index::KeptPage page;
  page.url = "https://index.example/";
  EXPECT_TRUE(absl::IsInvalidArgument(archive.Save("file:///etc/passwd", page)));
  page.url = "javascript:alert(1)";
  EXPECT_TRUE(absl::IsInvalidArgument(archive.Save("https://index.example/", page)));
}

TEST_F(FarmPageArchiveTest, OnlyWorkersUseIt) {
  FarmPageArchive client(TcpChannel(kClientToken));
  EXPECT_TRUE(absl::IsPermissionDenied(client.Load("https://index.example/").status()));
}

}  // namespace
}  // namespace crossmill::worker
