// SPDX-License-Identifier: Apache-2.0
#include "store/wal.h"

#include <fcntl.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "base/file.h"
#include "store/files.h"

namespace npanel {
namespace {

// https://sqlite.org/fileformat2.html, "The WAL File Format". Numbers are big-endian.
constexpr size_t kHeaderBytes = 32;
constexpr size_t kFrameHeaderBytes = 24;
constexpr uint32_t kMagic = 0x377f0682;  // its last bit: the checksum reads words big-endian

uint32_t big_endian(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

struct Checksum {
  bool big_endian_words;
  uint32_t a = 0;
  uint32_t b = 0;

  void add(std::string_view bytes) {
    for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      a += word(bytes, at) + b;
      b += word(bytes, at + 4) + a;
    }
  }
  [[nodiscard]] bool stands_at(std::string_view bytes, size_t at) const {
    return a == big_endian(bytes, at) && b == big_endian(bytes, at + 4);
  }

 private:
  [[nodiscard]] uint32_t word(std::string_view bytes, size_t at) const {
    const uint32_t value = big_endian(bytes, at);
    return big_endian_words ? value : __builtin_bswap32(value);
  }
};

struct Frame {
  std::string_view bytes;
  [[nodiscard]] std::string_view salts() const { return bytes.substr(8, 8); }
  [[nodiscard]] bool commits() const { return big_endian(bytes, 4) != 0; }
  [[nodiscard]] bool passes(Checksum& sum) const {
    sum.add(bytes.substr(0, 8));
    sum.add(bytes.substr(kFrameHeaderBytes));
    return sum.stands_at(bytes, 16);
  }
};

// True when, from `at` on, a transaction's last frame is followed by another frame of the same -wal.
bool acknowledged_behind(std::string_view wal, size_t at, size_t frame_bytes, std::string_view salts) {
  bool commit_seen = false;
  for (; at + frame_bytes <= wal.size(); at += frame_bytes) {
    const Frame frame{wal.substr(at, frame_bytes)};
    if (frame.salts() != salts) continue;  // of an earlier round, or its header is damaged
    if (commit_seen) return true;
    commit_seen = frame.commits();
  }
  return false;
}

bool is_intact(std::string_view wal) {
  const uint32_t magic = big_endian(wal, 0);
  Checksum sum{.big_endian_words = (magic & 1) != 0};
  sum.add(wal.substr(0, 24));
  if ((magic & ~1U) != kMagic || !sum.stands_at(wal, 24)) return false;
  const size_t frame_bytes = kFrameHeaderBytes + big_endian(wal, 8);
  const std::string_view salts = wal.substr(16, 8);
  for (size_t at = kHeaderBytes; at + frame_bytes <= wal.size(); at += frame_bytes) {
    const Frame frame{wal.substr(at, frame_bytes)};
    if (frame.salts() != salts || !frame.passes(sum)) return !acknowledged_behind(wal, at, frame_bytes, salts);
  }
  return true;
}

}  // namespace

Result<void> check_wal(const std::string& database_path) {
  const std::string path = database_path + "-wal";
  if (!exists(path)) return {};
  const std::string wal = NP_TRY(read_file_at(AT_FDCWD, path));
  if (wal.size() <= kHeaderBytes || is_intact(wal)) return {};
  return failure(path + " is damaged: changes that it held cannot be read", EUCLEAN);
}

}  // namespace npanel
