#include "coordinator/core/fetch_record.h"

#include <gtest/gtest.h>

namespace crossmill::core {
namespace {

v1::Fetch& AddFetch(v1::StepFetches* told, const std::string& host, int64_t bytes) {
  v1::Fetch& fetch = *told->add_fetches();
  fetch.set_host(host);
  fetch.set_bytes_down(bytes);
  return fetch;
}

TEST(FetchRecordTest, ListedAndCountedFetchesAddUp) {
  v1::StepFetches told;
  AddFetch(&told, "a.example", 10);
  AddFetch(&told, "b.example", 5).set_refused_by("loopback");
  AddFetch(&told, "a.example", 20);
  v1::HostFetches& more = *told.add_more();
  more.set_host("a.example");
  more.set_fetches(7);
  more.set_bytes_down(70);
  const FetchRecord record = RecordOfFetches(told);
  EXPECT_EQ(record.fetches.fetches_size(), 3);
  ASSERT_EQ(record.hosts.size(), 2u);
  EXPECT_EQ(record.hosts[0].fetches(), 9);
  EXPECT_EQ(record.hosts[0].bytes_down(), 100);
  EXPECT_EQ(record.hosts[1].refused(), 1);
}

TEST(FetchRecordTest, WhatTheFarmHadWasFetchedFromNoHost) {
  v1::StepFetches told;
  AddFetch(&told, "index.example", 10);
  AddFetch(&told, "index.example", 1000).set_from_farm(true);
  AddFetch(&told, "files.example", 1000).set_from_farm(true);
  const FetchRecord record = RecordOfFetches(told);
  EXPECT_EQ(record.fetches.fetches_size(), 3);
  ASSERT_EQ(record.hosts.size(), 1u);
  EXPECT_EQ(record.hosts[0].fetches(), 1);
  EXPECT_EQ(record.hosts[0].bytes_down(), 10);
}

TEST(FetchRecordTest, AWorkerCannotTellTooMuch) {
  v1::StepFetches told;
  for (int i = 0; i < 12'000; ++i) AddFetch(&told, "h" + std::to_string(i), -5);
  AddFetch(&told, std::string(100'000, 'h'), INT64_MAX);
  AddFetch(&told, "last", INT64_MAX).set_url(std::string(100'000, 'u'));
  const FetchRecord record = RecordOfFetches(told);
  EXPECT_EQ(record.fetches.fetches_size(), 10'000);
  EXPECT_LE(record.hosts.size(), 1'001u);
  int64_t fetches = 0;
  for (const v1::HostFetches& host : record.hosts) {
    fetches += host.fetches();
    EXPECT_GE(host.bytes_down(), 0);
  }
  EXPECT_EQ(fetches, 12'002);
}

TEST(FetchRecordTest, ALongListIsCutByItsBytesToo) {
  v1::StepFetches told;
  for (int i = 0; i < 9'000; ++i) AddFetch(&told, "h", 1).set_url(std::string(3'000, 'u'));
  const FetchRecord record = RecordOfFetches(told);
  EXPECT_LT(record.fetches.ByteSizeLong(), size_t{9} << 20);
  EXPECT_EQ(record.hosts[0].fetches(), 9'000);
}

}  // namespace
}  // namespace crossmill::core
