// Waiting, without a library.

export function sleep(milliseconds) {
  return new Promise((done) => {
    setTimeout(done, milliseconds);
  });
}

/** Returns what `promise` resolves to; rejects if that takes too long. */
export async function within(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("late")), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
