// Devmongo stands in for mongod on one machine: FerretDB v1 (MongoDB's wire protocol on SQLite) behind a relay.
//
// FerretDB v1 reads and then writes without holding anything in between, so concurrent increments get lost and a
// compare-and-set can have two winners. The relay lets one writing command through at a time.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

const (
	backendSocket = "backend" // relative to the data folder: a socket's path may have 107 bytes only
	headerSize    = 16
	maxMessage    = 48_000_000
	opMsg         = 2013
	moreToCome    = 2
)

var writing = map[string]bool{
	"insert": true, "update": true, "delete": true, "findAndModify": true, "findandmodify": true, "create": true,
	"createIndexes": true, "dropIndexes": true, "drop": true, "dropDatabase": true,
}

func main() {
	address := flag.String("listen", "127.0.0.1:27017", "host:port to listen on")
	folder := flag.String("data", "", "folder of the database files")
	fast := flag.Bool("fast", false, "do not sync to disk: survives a crash of the process, not of the machine")
	flag.Parse()
	if err := serve(*address, *folder, *fast); err != nil {
		fmt.Fprintln(os.Stderr, "devmongo:", err)
		os.Exit(1)
	}
}

func serve(address, folder string, fast bool) error {
	lock, err := enter(folder)
	if err != nil {
		return err
	}
	defer lock.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	backend, err := newBackend(fast)
	if err != nil {
		return err
	}
	r := &relay{}
	go r.accept(ctx, listener)
	return backend.Run(ctx)
}

// enter makes the data folder the working folder, since SQLite's addresses and the socket's are relative, and locks it.
func enter(folder string) (*os.File, error) {
	if folder == "" {
		return nil, errors.New("say where the data is: -data FOLDER")
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chdir(folder); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile("lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("another devmongo uses %s", folder)
	}
	// A killed process leaves its socket behind.
	if err := os.Remove(backendSocket); err != nil && !errors.Is(err, os.ErrNotExist) {
		lock.Close()
		return nil, err
	}
	return lock, nil
}

func newBackend(fast bool) (*ferretdb.FerretDB, error) {
	database := "file:./"
	if fast {
		database += "?_pragma=synchronous(off)"
	}
	return ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{Unix: backendSocket},
		Handler:   "sqlite",
		SQLiteURL: database,
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
}

type relay struct {
	oneWriter sync.Mutex
}

func (r *relay) accept(ctx context.Context, listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			if ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "devmongo: no more connections:", err)
				os.Exit(1)
			}
			return
		}
		go r.carry(ctx, client)
	}
}

// carry passes one client's messages on, request by request, until either side hangs up.
func (r *relay) carry(ctx context.Context, client net.Conn) {
	defer client.Close()
	backend, err := net.Dial("unix", backendSocket)
	if err != nil {
		return
	}
	defer backend.Close()
	defer context.AfterFunc(ctx, func() { client.Close() })()
	for {
		request, err := readMessage(client)
		if err != nil {
			return
		}
		command, wantsAnswer := parse(request)
		answer, err := r.ask(backend, request, writing[command])
		if err != nil {
			return
		}
		if !wantsAnswer {
			continue // FerretDB answers nevertheless, which an unacknowledged write's sender does not expect
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

func (r *relay) ask(backend net.Conn, request []byte, writes bool) ([]byte, error) {
	if writes {
		r.oneWriter.Lock()
		defer r.oneWriter.Unlock()
	}
	if _, err := backend.Write(request); err != nil {
		return nil, err
	}
	answer, err := readMessage(backend)
	if err != nil {
		return nil, err
	}
	return duplicateKey(answer), nil
}

// duplicateKey gives a violated unique index MongoDB's code: FerretDB answers an update with code 1, drivers know 11000.
func duplicateKey(answer []byte) []byte {
	if !bytes.Contains(answer, []byte("UNIQUE constraint failed")) {
		return answer
	}
	return bytes.Replace(answer, codeField(1), codeField(11000), 1)
}

func codeField(code int32) []byte {
	return binary.LittleEndian.AppendUint32([]byte("\x10code\x00"), uint32(code))
}

func readMessage(from io.Reader) ([]byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(header[:])
	if size < headerSize || size > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes", size)
	}
	message := make([]byte, size)
	copy(message, header[:])
	_, err := io.ReadFull(from, message[headerSize:])
	return message, err
}

// parse returns the command's name, which is the first key of an OP_MSG's document, and whether its sender waits for an answer.
func parse(message []byte) (command string, wantsAnswer bool) {
	const (
		flags        = headerSize
		sectionKind  = flags + 4
		firstElement = sectionKind + 1 + 4 // behind the document's length
		firstKey     = firstElement + 1    // behind the element's type
	)
	if len(message) <= firstKey || binary.LittleEndian.Uint32(message[12:]) != opMsg || message[sectionKind] != 0 {
		return "", true
	}
	key, _, _ := bytes.Cut(message[firstKey:], []byte{0})
	return string(key), message[flags]&moreToCome == 0
}
