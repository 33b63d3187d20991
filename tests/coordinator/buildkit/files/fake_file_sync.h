// The sending half of moby.filesync.v1.FileSync: a folder of this machine as BuildKit's clients send it; or a
// script of packets, of clients that lie.
#pragma once

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/files.h"
#include "moby/filesync/v1/filesync_service.grpc.pb.h"

namespace crossmill {

using fsutil::types::Packet;
using fsutil::types::Stat;

inline Packet EntryPacket(const Stat& stat) {
  Packet packet;
  *packet.mutable_stat() = stat;
  return packet;
}

class FakeFileSync final : public moby::filesync::v1::FileSync::Service {
 public:
  using Stream = grpc::ServerReaderWriter<Packet, Packet>;

  // What a client sends of the folder.
  std::string folder;
  // In place of the folder.
  std::function<grpc::Status(grpc::ServerContext*, Stream*)> script;
  // Of the last call, and over all of them.
  std::multimap<std::string, std::string> metadata;
  std::atomic<int> requested{0};

  static uint32_t GoModeOf(mode_t mode) {
    uint32_t go = mode & 0777;
    if (S_ISDIR(mode)) go |= 1U << 31;
    if (S_ISLNK(mode)) go |= 1U << 27;
    if (S_ISFIFO(mode)) go |= 1U << 25;
    if ((mode & S_ISUID) != 0) go |= 1U << 23;
    if ((mode & S_ISGID) != 0) go |= 1U << 22;
    if ((mode & S_ISVTX) != 0) go |= 1U << 20;
    return go;
  }

  grpc::Status DiffCopy(grpc::ServerContext* context, Stream* stream) override {
    metadata.clear();
    for (const auto& [name, value] : context->client_metadata())
      metadata.emplace(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
    return script ? script(context, stream) : Send(stream);
  }

  // All entries in order.
  static std::vector<Stat> List(const std::string& folder) {
    std::vector<Stat> stats;
    std::map<ino_t, std::string> first;
    Walk(folder, "", &stats, &first);
    return stats;
  }

 private:
  static void Walk(const std::string& root, const std::string& below, std::vector<Stat>* stats,
                   std::map<ino_t, std::string>* first) {
    std::vector<std::string> names;
    DIR* const stream = opendir((root + "/" + below).c_str());
    while (const dirent* entry = readdir(stream)) {
      if (std::string(entry->d_name) != "." && std::string(entry->d_name) != "..")
        names.push_back(entry->d_name);
    }
    closedir(stream);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      const std::string path = below.empty() ? name : below + "/" + name;
      const std::string full = root + "/" + path;
      struct stat info;
      lstat(full.c_str(), &info);
      Stat stat;
      stat.set_path(path);
      stat.set_mode(GoModeOf(info.st_mode));
      stat.set_mod_time(info.st_mtim.tv_sec * int64_t{1'000'000'000} + info.st_mtim.tv_nsec);
      if (S_ISREG(info.st_mode)) {
        stat.set_size(info.st_size);
        if (info.st_nlink > 1) {
          const auto [found, is_new] = first->emplace(info.st_ino, path);
          if (!is_new) stat.set_linkname(found->second);
        }
      }
      if (S_ISLNK(info.st_mode)) {
        char target[4096];
        const ssize_t size = readlink(full.c_str(), target, sizeof(target));
        stat.set_linkname(std::string(target, static_cast<size_t>(size)));
      }
      stats->push_back(stat);
      if (S_ISDIR(info.st_mode)) Walk(root, path, stats, first);
    }
  }

  grpc::Status Send(Stream* stream) {
    const std::vector<Stat> stats = List(folder);
    std::mutex writing;
    std::thread lister([&] {
      for (const Stat& stat : stats) {
        const std::lock_guard lock(writing);
        stream->Write(EntryPacket(stat));
      }
      const std::lock_guard lock(writing);
      stream->Write(Packet());
    });
    Packet packet;
    bool ok = true;
    while (ok && stream->Read(&packet)) {
      if (packet.type() == Packet::PACKET_FIN) {
        lister.join();
        Packet fin;
        fin.set_type(Packet::PACKET_FIN);
        stream->Write(fin);
        return grpc::Status::OK;
      }
      ok = packet.type() == Packet::PACKET_REQ && packet.id() < stats.size() &&
           (stats[packet.id()].mode() & 0x8F28'0000) == 0;
      if (!ok) break;
      ++requested;
      const std::string bytes = *ReadFile(folder + "/" + stats[packet.id()].path());
      Packet data;
      data.set_type(Packet::PACKET_DATA);
      data.set_id(packet.id());
      for (size_t sent = 0; sent <= bytes.size(); sent += 32 << 10) {
        data.set_data(bytes.substr(sent, 32 << 10));
        const std::lock_guard lock(writing);
        stream->Write(data);
      }
      if (!bytes.empty() && bytes.size() % (32 << 10) == 0) continue;
      data.clear_data();
      const std::lock_guard lock(writing);
      stream->Write(data);
    }
    lister.join();
    return {grpc::StatusCode::INVALID_ARGUMENT, "a request for what has no content"};
  }
};

}  // namespace crossmill
