// Forged packets never pass, never harm, and never stop the true sender. The first byte chooses
// suite and RTP or RTCP.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "rtp/srtp.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    if (size == 0 || size > rtp::kPacketBytesMax) return 0;
    const auto suite = static_cast<rtp::SrtpSuite>(bytes[0] % 6);
    const bool rtcp = bytes[0] & 0x80;
    const Bytes key(rtp::key_and_salt_bytes(suite), 0x5a);
    auto receiver = rtp::SrtpContext::create(suite, key, rtp::SrtpUse::Receive);
    auto sender = rtp::SrtpContext::create(suite, key, rtp::SrtpUse::Send);

    Bytes forged(bytes + 1, bytes + size);
    const auto outcome = rtcp ? receiver->unprotect_rtcp(forged) : receiver->unprotect(forged);
    CHECK(outcome.status != rtp::SrtpStatus::Ok);

    Bytes buffer(bytes + 1, bytes + size);
    const size_t length = buffer.size();
    buffer.resize(length + rtp::kSrtpOverheadMax);
    const auto made = rtcp ? sender->protect_rtcp(buffer, length) : sender->protect(buffer, length);
    if (made.status != rtp::SrtpStatus::Ok) return 0;
    const std::span<uint8_t> packet(buffer.data(), made.length);
    const auto opened = rtcp ? receiver->unprotect_rtcp(packet) : receiver->unprotect(packet);
    CHECK(opened.status == rtp::SrtpStatus::Ok && opened.length == length);
    CHECK(std::equal(bytes + 1, bytes + size, buffer.begin()));
    return 0;
}
