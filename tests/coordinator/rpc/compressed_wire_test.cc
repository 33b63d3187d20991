// Large blobs as zstd between machines: fewer bytes, and a broken connection costs nothing but time. A relay
// between client and server counts what travels and breaks connections.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/rpc/remote_blob_store.h"
#include "tests/support/random_bytes.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill {
namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

class Relay {
 public:
  Relay(const std::string& path, std::string server) : server_(std::move(server)) {
    listener_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = AddressOf(path);
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_.get(), 16), 0);
    acceptor_ = std::jthread([this] { Accept(); });
  }
  ~Relay() {
    shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    for (Connection& connection : connections_) connection.Break();
    connections_.clear();
  }

  // The first connection ends when so many bytes have passed it in one direction.
  void BreakAfter(int64_t bytes) { break_after_ = bytes; }
  int64_t up() const { return up_; }
  int64_t down() const { return down_; }
  bool broke() const { return broke_; }

 private:
  struct Connection {
    UniqueFd client, server;
    std::jthread to_server, to_client;
    void Break() const {
      shutdown(client.get(), SHUT_RDWR);
      shutdown(server.get(), SHUT_RDWR);
    }
  };

  void Accept() {
    while (true) {
      UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client.valid()) return;
      UniqueFd server(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const sockaddr_un address = AddressOf(server_);
      if (connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) continue;
      Connection& connection = connections_.emplace_back();
      connection.client = std::move(client);
      connection.server = std::move(server);
      connection.to_server = std::jthread(
          [this, &connection] { Copy(connection, connection.client.get(), connection.server.get(), up_); });
      connection.to_client = std::jthread(
          [this, &connection] { Copy(connection, connection.server.get(), connection.client.get(), down_); });
    }
  }

  void Copy(const Connection& connection, int from, int to, std::atomic<int64_t>& count) {
    std::string buffer(64 << 10, '\0');
    while (true) {
      const ssize_t got = recv(from, buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      count += got;
      if (break_after_ > 0 && count > break_after_ && !broke_.exchange(true)) break;
      for (ssize_t done = 0; done < got;) {
        const ssize_t sent = send(to, buffer.data() + done, static_cast<size_t>(got - done), MSG_NOSIGNAL);
        if (sent <= 0) return connection.Break();
        done += sent;
      }
    }
    connection.Break();
  }

  const std::string server_;
  UniqueFd listener_;
  std::atomic<int64_t> up_ = 0, down_ = 0, break_after_ = 0;
  std::atomic<bool> broke_ = false;
  std::list<Connection> connections_;
  std::jthread acceptor_;
};

class CompressedWireTest : public RpcFixture {
 protected:
  // A store that compresses, behind the relay.
  std::unique_ptr<BlobStore> Compressing() {
    rpc::RemoteBlobOptions options;
    options.buffer_folder = folder_.path();
    options.retry = QuickRetry();
    options.compress = true;
    return rpc::MakeRemoteBlobStore(*rpc::MakeChannel({"unix:" + folder_.Path("relay.sock"), "", "", false}),
                                    options);
  }
  static absl::StatusOr<Digest> Write(BlobStore& store, const std::string& content) {
    ASSIGN_OR_RETURN(auto writer, store.Create({}));
    RETURN_IF_ERROR(writer->Write(content));
    return writer->Commit();
  }

  Relay& relay() {
    if (!relay_)
      relay_ = std::make_unique<Relay>(folder_.Path("relay.sock"), folder_.Path("coordinator.sock"));
    return *relay_;
  }

  // Shrinks to a quarter.
  static std::string Text(size_t size) {
    std::string text;
    const std::string noise = RandomBytes(size / 4);
    for (size_t i = 0; text.size() < size; ++i)
      text += noise.substr((i * 1000) % noise.size(), 1000) + std::string(3000, 'x');
    return text;
  }

 private:
  std::unique_ptr<Relay> relay_;
};

TEST_F(CompressedWireTest, FewerBytesTravelInBothDirections) {
  relay();
  const auto store = Compressing();
  const std::string content = Text(12 << 20);
  const auto written = Write(*store, content);
  ASSERT_OK(written);
  EXPECT_LT(relay().up(), static_cast<int64_t>(content.size() / 2));
  EXPECT_TRUE(blobs_->Get(*written).value_or("") == content);
  EXPECT_LT(relay().down(), 100'000);
  EXPECT_TRUE(store->Get(*written).value_or("") == content);
  EXPECT_LT(relay().down(), static_cast<int64_t>(content.size() / 2));
}

TEST_F(CompressedWireTest, WhatDoesNotShrinkTravelsAsItIs) {
  relay();
  const auto store = Compressing();
  const std::string content = RandomBytes(6 << 20);
  const auto written = Write(*store, content);
  ASSERT_OK(written);
  EXPECT_TRUE(blobs_->Get(*written).value_or("") == content);
  EXPECT_TRUE(store->Get(*written).value_or("") == content);
}

TEST_F(CompressedWireTest, ABlobThatIsThereEndsAnUploadEarly) {
  relay();
  const auto store = Compressing();
  const std::string content = Text(48 << 20);
  ASSERT_OK(blobs_->PutBytes(content));
  ASSERT_OK(Write(*store, content));
  EXPECT_LT(relay().up(), static_cast<int64_t>(content.size() / 8));
}

TEST_F(CompressedWireTest, AnUploadThatBreaksIsFinished) {
  relay().BreakAfter(1 << 20);
  const auto store = Compressing();
  const std::string content = Text(12 << 20);
  const auto written = Write(*store, content);
  ASSERT_OK(written);
  EXPECT_TRUE(relay().broke());
  EXPECT_TRUE(blobs_->Get(*written).value_or("") == content);
}

TEST_F(CompressedWireTest, ADownloadThatBreaksGoesOnWhereItWas) {
  relay().BreakAfter(1 << 20);
  const auto store = Compressing();
  const std::string content = Text(12 << 20);
  const Digest digest = *blobs_->PutBytes(content);
  EXPECT_TRUE(store->Get(digest).value_or("") == content);
  EXPECT_TRUE(relay().broke());
  EXPECT_LT(relay().down(), static_cast<int64_t>(content.size() / 2));
  auto reader = store->Open(digest, 5'000'000);
  ASSERT_OK(reader);
  std::string rest, buffer(1 << 16, '\0');
  for (size_t count = 1; count > 0;) {
    count = (*reader)->Read(buffer.data(), buffer.size()).value_or(0);
    rest.append(buffer, 0, count);
  }
  EXPECT_TRUE(rest == content.substr(5'000'000));
}

}  // namespace
}  // namespace crossmill
