// The file of a backup: blocks of records (store/backup_records.h), each sealed, so that any damage
// is found, and with a passphrase nothing can be read without it.
//
//   header: "tandem-backup" and three zero bytes (16)
//           version (4, big-endian)  protection (1: 0 none, 1 passphrase)  log2 N, r, p of scrypt
//           (3) salt (16)  check of the key (16)  SHA-256 of all before (32)
//   block:  length of the box (4, big-endian)  box: AES-256-GCM of (kind (1), records)
//
// The key of the boxes is HMAC-SHA256 of the header's first 40 bytes, keyed with scrypt's 32 bytes,
// or with zeros where there is no passphrase: then the boxes are no secret, but still a check.
// Nonces are the blocks' numbers, so none may change places; a last block of another kind says that
// the file is whole. Memory: one block.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/result.h"
#include "base/rng.h"
#include "store/backup_records.h"

namespace tandem::app {

inline constexpr uint32_t backup_version = 1;

// Written beside its name, mode 0600, and renamed when it is finished; what was not finished goes
// away.
class BackupWriter {
 public:
    // `passphrase` empty: none.
    static Result<BackupWriter> create(const std::string& path, const std::string& passphrase,
                                       Rng& rng);
    BackupWriter(BackupWriter&&) noexcept = default;
    BackupWriter& operator=(BackupWriter&&) = delete;
    ~BackupWriter();

    Result<void> add(store::BackupRecord::Kind kind, std::string_view key, std::string_view value);
    // Records that are encoded already, whole ones.
    Result<void> add_encoded(std::string_view records);
    Result<void> finish();
    uint64_t bytes() const { return bytes_; }  // of the file

 private:
    struct Closer {
        void operator()(std::FILE* file) const { (void)std::fclose(file); }
    };
    BackupWriter(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
    Result<void> write(std::string_view bytes);
    Result<void> write_block(uint8_t kind);
    Error failed() const;

    std::string path_;
    std::unique_ptr<std::FILE, Closer> file_;  // of path_ + ".new"
    SealKey key_{};
    std::string gathered_;
    uint64_t block_ = 0;
    uint64_t bytes_ = 0;
};

class BackupFile {
 public:
    // Reads the header. Errors are one line for the operator and name the file.
    static Result<BackupFile> open(const std::string& path);
    bool wants_passphrase() const { return protection_ != 0; }
    // To be called before next(), where one is wanted. Unauthorized: it is the wrong one.
    Result<void> unlock(const std::string& passphrase);
    // The next record; nullopt: that was all, and the file is whole.
    Result<std::optional<store::BackupRecord>> next();
    uint64_t bytes_read() const { return bytes_; }
    uint64_t bytes() const { return size_; }

 private:
    struct Closer {
        void operator()(std::FILE* file) const { (void)std::fclose(file); }
    };
    BackupFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
    Result<void> read_header();
    Result<void> take_key(const SealKey& base);
    Result<void> read_block();
    bool read(std::string& into, size_t size);
    Error wrong(ErrorCode code, std::string_view what) const;
    Error damaged() const;

    std::string path_;
    std::unique_ptr<std::FILE, Closer> file_;
    std::string header_;
    uint8_t protection_ = 0;
    SealKey key_{};
    std::string block_;      // what is unsealed
    std::string_view rest_;  // of it
    uint64_t block_number_ = 0;
    uint64_t bytes_ = 0;
    uint64_t size_ = 0;
    bool is_whole_ = false;
};

}  // namespace tandem::app
