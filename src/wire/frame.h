// What nodes say to each other on a link: length-prefixed protobuf frames (see codec.h), one
// letter, hello or heartbeat each. Pure: bytes in, values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "cluster/liveness.h"
#include "ports/letter.h"

namespace tandem::wire {

// Of one frame without its length. The largest payload is a page of a store's range (1 MiB of
// values and their keys); a peer that sends more is broken.
inline constexpr size_t frame_bytes_max = 16u << 20;
// Raised when frames change in a way that an older node cannot read.
inline constexpr uint32_t protocol_version = 1;

// The first frame of either side, and again when its instances or runs change.
struct Hello {
    uint16_t node = 0;
    std::string version;  // of the program, for people
    // Of each shard, as numbered in the store; 0: it has no number yet.
    std::vector<uint32_t> runs;
    std::vector<ports::DirectoryEntry> instances;
};
using cluster::Heartbeat;
using Frame = std::variant<ports::Letter, Hello, Heartbeat>;

// Append the length (4 bytes, big endian) and the frame.
Result<void> append_letter(std::string& out, const ports::Letter& letter);  // TooLarge
Result<void> append_hello(std::string& out, const Hello& hello);
Result<void> append_heartbeat(std::string& out, const Heartbeat& heartbeat);

// One frame without its length. Unknown fields are ignored, an unknown kind of payload is
// Unsupported: the link goes on. Malformed: the link is to be closed.
Result<Frame> decode(std::string_view frame);

// Cuts a stream of bytes into frames. Owned by its connection.
class FrameCutter {
 public:
    void push(std::string_view bytes);
    // The next whole frame, valid until the next push(); nullopt: more bytes are needed. TooLarge
    // is final.
    Result<std::optional<std::string_view>> pop();

 private:
    std::string buffer_;
    size_t consumed_ = 0;
};

}  // namespace tandem::wire
