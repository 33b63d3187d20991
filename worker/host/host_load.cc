#include "worker/host/host_load.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "absl/time/clock.h"
#include "common/base/files.h"

namespace crossmill::worker {
namespace {

// Hundredths of a second on every kernel that we meet.
constexpr uint64_t kTicksPerSecond = 100;

std::string ReadOrNothing(const std::string& path) {
  auto text = ReadFile(path);
  return text.ok() ? *std::move(text) : std::string();
}

// The number after blanks, which is taken off.
std::optional<uint64_t> TakeNumber(std::string_view* text) {
  text->remove_prefix(std::min(text->find_first_not_of(' '), text->size()));
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc()) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return number;
}

// "MemAvailable:   123 kB" in bytes; 0: it is not there.
uint64_t MemoryField(std::string_view text, std::string_view field) {
  const size_t at = text.find(field);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + field.size());
  return TakeNumber(&text).value_or(0) << 10;
}

}  // namespace

std::optional<ProcessorTime> ParseProcessorTime(std::string_view stat) {
  if (!stat.starts_with("cpu ")) return std::nullopt;
  stat = stat.substr(4, stat.find('\n') - 4);
  // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
  std::array<uint64_t, 8> fields{};
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto number = TakeNumber(&stat);
    if (!number && i < 4) return std::nullopt;
    fields[i] = number.value_or(0);
  }
  ProcessorTime time;
  for (size_t i = 0; i < fields.size(); ++i) {
    time.total += fields[i];
    if (i != 3 && i != 4) time.busy += fields[i];
  }
  return time;
}

double ParsePressure(std::string_view pressure) {
  const size_t at = pressure.find("some avg10=");
  if (at == std::string_view::npos) return 0;
  pressure.remove_prefix(at + 11);
  double percent = 0;
  std::from_chars(pressure.data(), pressure.data() + pressure.size(), percent);
  return std::clamp(percent / 100, 0.0, 1.0);
}

std::optional<uint64_t> ParseStalled(std::string_view pressure) {
  if (!pressure.starts_with("some ")) return std::nullopt;
  pressure = pressure.substr(0, pressure.find('\n'));
  const size_t at = pressure.find(" total=");
  if (at == std::string_view::npos) return std::nullopt;
  pressure.remove_prefix(at + 7);
  return TakeNumber(&pressure);
}

ProcessorWait::ProcessorWait(std::string pressure)
    : pressure_(std::move(pressure)), began_(absl::Now()), waited_(ParseStalled(ReadOrNothing(pressure_))) {}

double ProcessorWait::Share() const {
  const std::optional<uint64_t> waited = ParseStalled(ReadOrNothing(pressure_));
  const auto passed = static_cast<double>(absl::ToInt64Microseconds(absl::Now() - began_));
  if (!waited || !waited_ || *waited < *waited_ || passed <= 0) return 0;
  return std::min(1.0, static_cast<double>(*waited - *waited_) / passed);
}

HostLoadMeter::HostLoadMeter(uint32_t cpus, LoadSources sources)
    : cpus_(std::max(1u, cpus)),
      sources_(std::move(sources)),
      last_(ParseProcessorTime(ReadOrNothing(sources_.stat))) {}

std::optional<v1::HostLoad> HostLoadMeter::Sample() {
  const std::optional<ProcessorTime> now = ParseProcessorTime(ReadOrNothing(sources_.stat));
  if (!now || !last_ || now->total < last_->total + cpus_ * kTicksPerSecond / 10) return std::nullopt;
  const double share = now->busy < last_->busy ? 0
                                               : static_cast<double>(now->busy - last_->busy) /
                                                     static_cast<double>(now->total - last_->total);
  last_ = now;
  v1::HostLoad load;
  load.set_busy_cpus(std::min(share, 1.0) * cpus_);
  const std::string memory = ReadOrNothing(sources_.memory);
  load.set_total_memory(MemoryField(memory, "MemTotal:"));
  load.set_available_memory(MemoryField(memory, "MemAvailable:"));
  load.set_memory_pressure(ParsePressure(ReadOrNothing(sources_.memory_pressure)));
  return load;
}

}  // namespace crossmill::worker
