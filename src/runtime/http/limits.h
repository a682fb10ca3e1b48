// Bounds of the HTTP server, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::runtime {

struct HttpLimits {
    // Browsers keep six connections each; a few thousand people.
    size_t connections_max = 10'000;
    size_t connections_per_address_max = 500;
    size_t head_bytes_max = 16'384;
    // A bulk import of 10 000 accounts, 100 bytes each, with room. Uploads of files have another
    // way.
    size_t body_bytes_max = 4u << 20;
    std::chrono::milliseconds head_max{10'000};  // slow senders; also the TLS handshake
    std::chrono::milliseconds body_max{30'000};
    std::chrono::milliseconds idle_max{75'000};    // between two requests of one connection
    std::chrono::milliseconds answer_max{30'000};  // then 504
    // Of a streamed response: more is asked for when so little waits for the client. Two pieces of
    // the usual size fill a fast line.
    size_t stream_bytes_low = 256 * 1024;
    // A client that takes nothing of it for so long has gone.
    std::chrono::milliseconds stream_stall_max{30'000};
    // Whoever answers says something more often, if only that there is nothing.
    std::chrono::milliseconds stream_silence_max{60'000};
    // How often a slow client's queue is looked at, at first and at last.
    std::chrono::milliseconds stream_look_min{2};
    std::chrono::milliseconds stream_look_max{50};
};

}  // namespace tandem::runtime
