"""The texts of ``--help``, a manual page for each command, as they are printed: lines of up to 80 columns."""

from __future__ import annotations

SUMMARIES = {
    "train": "train a network on images, on one backend or on both",
    "predict": "test a saved network, or ask it about pictures",
    "export": "write a saved network as C, ONNX or safetensors",
    "bench": "time every kernel on both backends, size by size",
    "info": "show the backend, the instruction set, threads, and the BLAS",
    "completion": "print a script that teaches a shell the Tab key",
}

_COMMON = """\
exit status:
  0    it did what it was asked
  1    it failed; one line on standard error says why
  2    an option or a variable FASTLAYERS_* is wrong; the line says what was
       expected
  130  Ctrl-C
  141  the reader of the output went away, as head does

environment:
  FASTLAYERS_BACKEND      auto, cython or reference: which implementation
                          answers (auto: the kernels where they are)
  FASTLAYERS_ISA          baseline, x86-64-v3 or x86-64-v4: the highest
                          instruction set that a kernel may use (the CPU's
                          highest)
  FASTLAYERS_NUM_THREADS  how many threads a kernel may use (as many as cores)
  FASTLAYERS_FUSE         1 or 0: whether a network runs as one compiled call
                          or layer by layer, to the same numbers (1)
  OPENBLAS_NUM_THREADS    how many threads NumPy's OpenBLAS uses for products
                          of matrices; another BLAS has its own
  NO_COLOR                with any value: no colour
  FORCE_COLOR             with any value: colour in files and pipes too;
                          NO_COLOR and --color have the last word
  COLUMNS                 the width of the output on a terminal (the
                          terminal's)"""

# Of each page: what is told before the options, and what after them.
BEFORE = {
    "": """\
Train small neural networks on the CPU, and see what the compiled kernels
bring: each layer of fastlayers has a reference in plain NumPy beside a kernel
compiled for this CPU, and the command runs either, or both.""",
    "train": """\
A network of affine layers with an activation between them learns to tell
images apart, with softmax and cross-entropy, in shuffled batches; a convnet
has filters before them (--network convnet). After each
epoch a line tells the mean loss of its steps and the accuracy on images that
the network has not learned from; on a terminal, an accuracy in green is the
best so far.

With both backends, the reference trains first and the kernels after it, from
the same weights and on the same batches; the end of the output compares their
speed and their losses. Ctrl-C ends it at once. Defaults are in parentheses.""",
    "predict": """\
Let a network that 'fastlayers train --save' wrote classify the test images
that it has not learned from, and print its accuracy and a table of the true
classes (rows) against those predicted (columns). A parameter that is not
finite is named on standard error; an image with a score that is nan is of no
class, and where no score at all is a finite number the command fails.

With --pictures, tell the class of each instead, with the probabilities of the
three that the network takes it for. A picture is made grey, and one of another
size is drawn out to, or averaged down to, that of the network's images. It
needs Pillow: pip install pillow.""",
    "export": """\
Write a network that 'fastlayers train --save' or Sequential.save wrote for
where there is no fastlayers: by its ending, FILE.c is one C99 file that needs
nothing but math.h, for a microcontroller or any other program, with a header
FILE.h beside it; FILE.onnx is for ONNX Runtime (it needs onnx: pip install
onnx); FILE.safetensors has the weights, for the tools of other frameworks
(pip install safetensors).

The function in FILE.c has the file's name, made an identifier: net_3d_net for
3d-net.c, net_while for while.c.

Of a C file, tell what it takes: flash for the weights, beside the code, and RAM
during a call and from call to call. What the C library's functions take is not
in it. The same is in the comment at the file's beginning, with how to use it.
Compiled with -DNAME_TEST, NAME in capitals, the file is a program that checks
itself on stored samples.""",
    "bench": """\
Time each function, each optimizer's update and a few training steps, for
float32 and float64, from ten numbers to 64 MB. Before a row is timed, both
backends are seen to agree on those very numbers.

A time is that of one call, the fastest of many; ratio is how many times the
reference's time is the kernel's, in green where the kernel is faster and in
red where it is not; out= is the kernel with its result's array given. For
figures that can be compared, leave the machine alone meanwhile, and pin the
command to a core.""",
    "info": """\
Show which implementation answers and why, as fastlayers.show_config() does.""",
    "completion": """\
Print a script of the shell's own language, made from the command's options as
they are in this version: make it again after an update. It needs shtab: pip
install shtab.""",
}

AFTER = {
    "": f"""\
examples:
  fastlayers train                    train on the bundled digits, on both
                                      backends
  fastlayers train --save digits.npz  and keep the network
  fastlayers predict digits.npz       which digits it takes for which
  fastlayers export digits.npz digits.c
                                      the network as C
  fastlayers info                     are the compiled kernels there?
  fastlayers bench --json             every time, for a program to read

{_COMMON}

see also:
  'fastlayers COMMAND --help' explains a command, its options and its JSON.""",
    "train": f"""\
json:
  One object, at the end. Keys, with times in seconds:
  data        name, features, classes, train_images, test_images
  network     kind, sizes (of the affine layers), activation, dropout, dtype,
              parameters
  training    epochs, batch_size, optimizer, lr, weight_decay, seed, threads,
              processes
  runs        one a backend: backend, steps, median_step, mean_step; and a
              number an epoch in train_loss, train_accuracy, test_accuracy
  comparison  of two runs: ratio (of the median steps), largest_difference (of
              the losses); else null

files:
  FILE.npz           arrays and a description, checksummed, without pickle;
                     for fastlayers.Sequential.load
  .fastlayers-*.tmp  beside a file that is being written; of no use once its
                     process was killed

examples:
  fastlayers train
      a network with one hidden layer of 50 neurons learns scikit-learn's 8x8
      digits
  fastlayers train --hidden 256 128 --optimizer adam --plot curves.png
      two hidden layers; the loss and the accuracy are drawn over the epochs
  fastlayers train --activation tanh --dropout 0.2 --weight-decay 1e-4
      against learning the images by heart
  fastlayers train --network convnet --idx DIR --epochs 10 --backend cython
      a convolution of 30 filters and pooling before the affine layers
  fastlayers train --idx DIR --epochs 10 --lr 0.1 --save model.npz
      images in the MNIST format (also Fashion-MNIST, KMNIST) from a folder
  mpiexec -n 4 fastlayers train --mpi --idx DIR --batch-size 1024
      the same training on four processes, each with a quarter of every batch
  fastlayers train --json | jq '.runs[].test_accuracy[-1]'
      the accuracies that it came to

{_COMMON}

see also:
  fastlayers predict --help""",
    "predict": f"""\
json:
  One object. Keys:
  model, data       what was tested, and on what
  images, accuracy  how many, and the fraction classified right
  confusion         a row for each true class: how often it was taken for each
                    class, where for any
  Or, of pictures: model, and pictures, each with file, class, probabilities.

examples:
  fastlayers predict digits.npz           a network trained on the digits
  fastlayers predict model.npz --idx DIR  one trained with --idx DIR
  fastlayers predict model.npz --pictures scan.png --invert
                                          what a digit is, written on paper

{_COMMON}

see also:
  fastlayers train --help""",
    "export": f"""\
json:
  One object. Keys:
  model, file  what was read, and what was written
  header, function
               of a C file: the header beside it, and the name of its function
  flash, ram   of a C file: bytes of the weights, and of what lies between
               layers with what remains between two steps
  The last four are null for another file.

examples:
  fastlayers export digits.npz digits.c
      void digits(const float *x, float *y), for a network that was trained on
      the digits
  cc -std=c99 -O3 -DDIGITS_TEST digits.c -o digits -lm && ./digits
      does this compiler's code predict what the network did?
  fastlayers export model.npz net.c --name classify --probabilities
      a function of another name, which gives probabilities
  fastlayers export convnet.npz net.onnx --input-shape 1 28 28
      of images, whose size a convolution does not tell

{_COMMON}

see also:
  fastlayers train --help""",
    "bench": f"""\
json:
  One object, at the end. Keys:
  config   what 'fastlayers info --json' prints
  seconds  one a row: kernel, size, dtype, reference; with kernels cython,
           ratio, and of functions 'cython out='

examples:
  fastlayers bench               a minute, for all sizes
  fastlayers bench --seconds 5   a first look, without the largest arrays
  taskset -c 0 fastlayers bench  on one core, on Linux

{_COMMON}

see also:
  fastlayers info --help""",
    "info": f"""\
json:
  One object. Keys: fastlayers (the version), backend, instruction set, built
  (the instruction sets), not loaded (those that failed, with the reason),
  networks (as one call, or layer by layer), threads, OpenMP, numpy, blas,
  python, machine.

{_COMMON}

see also:
  fastlayers bench --help""",
    "completion": f"""\
files:
  Where each shell looks for the script; a new shell has it:
  bash  ~/.local/share/bash-completion/completions/fastlayers, with the
        package bash-completion
  zsh   _fastlayers, in a folder of $fpath, before compinit runs
  fish  ~/.config/fish/completions/fastlayers.fish

examples:
  eval "$(fastlayers completion bash)"
      in this shell, or from ~/.bashrc
  fastlayers completion zsh > ~/.zfunc/_fastlayers
      with fpath+=~/.zfunc before compinit in ~/.zshrc
  fastlayers completion fish > ~/.config/fish/completions/fastlayers.fish

{_COMMON}""",
}
