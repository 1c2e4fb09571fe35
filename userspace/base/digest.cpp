// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace npanel {

std::string sha256_hex(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, 32> digest{};
  if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text.data(), text.size(), digest.data()) != 0) std::abort();
  std::string hex;
  for (const unsigned char byte : digest) hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  return hex;
}

Result<std::string> random_text() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr unsigned kBits = 6;
  std::array<unsigned char, 32> bytes{};
  if (const int error = gnutls_rnd(GNUTLS_RND_KEY, bytes.data(), bytes.size()); error != 0)
    return failure(std::string("no random numbers are to be had: ") + gnutls_strerror(error), EAGAIN);
  std::string text;
  uint32_t waiting = 0;
  unsigned bits = 0;
  for (const unsigned char byte : bytes) {
    waiting = waiting << 8 | byte;
    bits += 8;
    for (; bits >= kBits; bits -= kBits) text += kAlphabet[waiting >> (bits - kBits) & 63];
  }
  text += kAlphabet[waiting << (kBits - bits) & 63];
  return text;
}

std::string base64(std::string_view bytes) {
  // GnuTLS takes it by a pointer that is not const, and only reads.
  const gnutls_datum_t in{.data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())),
                          .size = static_cast<unsigned>(bytes.size())};
  gnutls_datum_t out{};
  if (gnutls_base64_encode2(&in, &out) != 0) std::abort();
  std::string text(reinterpret_cast<const char*>(out.data), out.size);
  gnutls_free(out.data);
  return text;
}

bool same_secret(std::string_view one, std::string_view other) {
  return one.size() == other.size() && gnutls_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace npanel
