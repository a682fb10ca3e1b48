// What nodes say to each other on a link: length-prefixed protobuf frames (see codec.h), one
// letter, hello, heartbeat, or question of a server that joins or renews its certificate each.
// Pure: bytes in, values out.
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
// The first frame of either side, and again when its instances or runs change.
struct Hello {
    uint16_t node = 0;
    std::string version;  // of the program, for people
    // Of each shard, as numbered in the store; 0: it has no number yet.
    std::vector<uint32_t> runs;
    std::vector<ports::DirectoryEntry> instances;
};
using cluster::Heartbeat;
// Answers ports::ServerJoin, which is a frame of its own, as whoever sends it is nobody yet. What
// follows `joined` is given with a node that was taken.
struct JoinReply {
    ports::ServerJoined joined;
    std::string certificate;  // PEM, of the asker's key
    std::string authority;    // PEM
    std::string site_key;     // the text of the file of that name
    std::string admin_token;  // likewise
    std::string version;      // of the answering program, for people
};
// A server's certificate has had two thirds of its time. Answered by whoever has the authority's
// key.
struct CertificateRequest {
    std::string request;  // PKCS #10, PEM
};
struct CertificateReply {
    std::string certificate;  // PEM
};
using Frame = std::variant<ports::Letter, Hello, Heartbeat, ports::ServerJoin, JoinReply,
                           CertificateRequest, CertificateReply>;

// Append the length (4 bytes, big endian) and the frame.
Result<void> append_letter(std::string& out, const ports::Letter& letter);  // TooLarge
Result<void> append_hello(std::string& out, const Hello& hello);
Result<void> append_heartbeat(std::string& out, const Heartbeat& heartbeat);
Result<void> append_join(std::string& out, const ports::ServerJoin& join);
Result<void> append_join_reply(std::string& out, const JoinReply& reply);
Result<void> append_certificate_request(std::string& out, const CertificateRequest& request);
Result<void> append_certificate_reply(std::string& out, const CertificateReply& reply);

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
