package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// memFreeBytes is what Mem says is free: a terabyte, more than any test writes.
const memFreeBytes = 1 << 40

// Mem is a file system in memory that knows what a power failure would leave of it. The zero Mem
// is not usable; see NewMem. The root directory and the working directory exist.
type Mem struct {
	mu    sync.Mutex // guards everything below, and every memNode reachable from root
	root  *memNode
	locks map[string]bool // directories that are held, by cleaned path
}

var _ FS = (*Mem)(nil)

// memNode is a file or a directory, each as the running system sees it and as the disk has it.
type memNode struct {
	isDir bool

	data    []byte     // a file's bytes
	durable []byte     // its bytes as of the last Sync
	pending []memWrite // what happened between the two, oldest first

	names        map[string]*memNode // a directory's names
	durableNames map[string]*memNode // its names as of the last SyncDir
	pendingNames []memNaming         // what happened between the two, oldest first
}

// memWrite is one change of a file: bytes at an offset, or a new length.
type memWrite struct {
	offset   int64
	data     []byte
	truncate bool // the length becomes offset
}

// memNaming is one change of a directory: a name that goes, a name that comes, or both at once.
type memNaming struct {
	gone, come string // "" for none
	node       *memNode
}

// NewMem returns an empty file system.
func NewMem() *Mem { return &Mem{root: newMemDir(), locks: map[string]bool{}} }

func newMemDir() *memNode {
	return &memNode{
		isDir: true, names: map[string]*memNode{}, durableNames: map[string]*memNode{},
	}
}

// Create makes a new empty file.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("create", name)
	if err != nil {
		return nil, err
	}
	if dir.names[base] != nil {
		return nil, pathError("create", name, fs.ErrExist)
	}
	node := &memNode{}
	dir.rename(memNaming{come: base, node: node})
	return &memFile{m: m, node: node, name: name, writable: true}, nil
}

// Open opens a file for reading.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenReadWrite opens a file that exists for reading and writing.
func (m *Mem) OpenReadWrite(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.lookup(name)
	if node == nil {
		return nil, pathError("open", name, fs.ErrNotExist)
	}
	if node.isDir {
		return nil, pathError("open", name, syscall.EISDIR)
	}
	return &memFile{m: m, node: node, name: name, writable: writable}, nil
}

// Rename renames a file or directory within its directory.
func (m *Mem) Rename(oldName, newName string) error {
	if err := sameDir(oldName, newName); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, oldBase, err := m.parent("rename", oldName)
	if err != nil {
		return err
	}
	node, newBase := dir.names[oldBase], filepath.Base(newName)
	if node == nil {
		return pathError("rename", oldName, fs.ErrNotExist)
	}
	if there := dir.names[newBase]; there != nil && (there.isDir || node.isDir) {
		return pathError("rename", newName, fs.ErrExist)
	}
	if oldBase != newBase {
		dir.rename(memNaming{gone: oldBase, come: newBase, node: node})
	}
	return nil
}

// Remove removes a file or an empty directory.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("remove", name)
	if err != nil {
		return err
	}
	node := dir.names[base]
	if node == nil {
		return pathError("remove", name, fs.ErrNotExist)
	}
	if len(node.names) > 0 {
		return pathError("remove", name, syscall.ENOTEMPTY)
	}
	dir.rename(memNaming{gone: base})
	return nil
}

// MkdirAll makes a directory and its parents.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.root
	for _, part := range pathParts(dir) {
		next := node.names[part]
		if next == nil {
			next = newMemDir()
			node.rename(memNaming{come: part, node: next})
		}
		if !next.isDir {
			return pathError("mkdir", dir, syscall.ENOTDIR)
		}
		node = next
	}
	return nil
}

// List returns the sorted names in a directory.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, err := m.directory("list", dir)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(node.names)), nil
}

// Stat describes a file or directory.
func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.lookup(name)
	if node == nil {
		return Info{}, pathError("stat", name, fs.ErrNotExist)
	}
	return Info{Bytes: int64(len(node.data)), IsDir: node.isDir}, nil
}

// SyncDir makes the names in a directory durable.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, err := m.directory("sync", dir)
	if err != nil {
		return err
	}
	node.durableNames, node.pendingNames = maps.Clone(node.names), nil
	return nil
}

// Lock takes a directory. A clone of the file system begins without locks, as after a reboot.
func (m *Mem) Lock(dir string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.directory("lock", dir); err != nil {
		return nil, err
	}
	dir = filepath.Clean(dir)
	if m.locks[dir] {
		return nil, &LockedError{Dir: dir, PID: os.Getpid()}
	}
	m.locks[dir] = true
	return &memLock{m: m, dir: dir}, nil
}

// FreeBytes always says a terabyte. See Fault.FullAfter for a small disk.
func (m *Mem) FreeBytes(dir string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.directory("free space", dir); err != nil {
		return 0, err
	}
	return memFreeBytes, nil
}

type memLock struct {
	m      *Mem
	dir    string
	closed bool
}

// Close gives the directory back.
func (l *memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.closed {
		return pathError("unlock", l.dir, fs.ErrClosed)
	}
	l.closed = true
	delete(l.m.locks, l.dir)
	return nil
}

// rename carries out a change of names and remembers it until SyncDir.
func (n *memNode) rename(op memNaming) {
	op.apply(n.names)
	n.pendingNames = append(n.pendingNames, op)
}

func (op memNaming) apply(names map[string]*memNode) {
	if op.gone != "" {
		delete(names, op.gone)
	}
	if op.come != "" {
		names[op.come] = op.node
	}
}

// write carries out a change of bytes and remembers it until Sync.
func (n *memNode) write(op memWrite) {
	n.data = op.apply(n.data)
	n.pending = append(n.pending, op)
}

func (op memWrite) apply(b []byte) []byte {
	end := op.offset + int64(len(op.data))
	if op.truncate && end < int64(len(b)) {
		return b[:end:end]
	}
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	copy(b[op.offset:], op.data)
	return b
}

func (n *memNode) sync() {
	for _, op := range n.pending {
		n.durable = op.apply(n.durable)
	}
	n.pending = nil
	if len(n.durable) != len(n.data) {
		panic(fmt.Sprintf("vfs: %d bytes of a file are durable, it has %d",
			len(n.durable), len(n.data)))
	}
}

// lookup returns the node at a path, nil for none. The caller holds mu.
func (m *Mem) lookup(name string) *memNode {
	node := m.root
	for _, part := range pathParts(name) {
		if node = node.names[part]; node == nil {
			return nil
		}
	}
	return node
}

// parent returns the directory that holds name, and name's last part. The caller holds mu.
func (m *Mem) parent(op, name string) (*memNode, string, error) {
	parts := pathParts(name)
	if len(parts) == 0 {
		return nil, "", pathError(op, name, fs.ErrInvalid)
	}
	dir, err := m.directory(op, filepath.Dir(filepath.Clean(name)))
	return dir, parts[len(parts)-1], err
}

// directory returns the directory at a path. The caller holds mu.
func (m *Mem) directory(op, name string) (*memNode, error) {
	node := m.lookup(name)
	if node == nil {
		return nil, pathError(op, name, fs.ErrNotExist)
	}
	if !node.isDir {
		return nil, pathError(op, name, syscall.ENOTDIR)
	}
	return node, nil
}

// pathParts splits a path. Absolute and relative paths begin at the same root: there is no
// working directory to tell them apart.
func pathParts(name string) []string {
	name = strings.Trim(filepath.ToSlash(filepath.Clean(name)), "/")
	if name == "" || name == "." {
		return nil
	}
	return strings.Split(name, "/")
}

// sameDir refuses a rename from one directory to another: no crash-safe file system promises
// that such a rename is never half done.
func sameDir(oldName, newName string) error {
	if filepath.Dir(oldName) != filepath.Dir(newName) {
		return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: syscall.EXDEV}
	}
	return nil
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}
