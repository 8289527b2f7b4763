/** Runs the steps one after the other, and prints a line about each. */
final class Steps {
    interface Work {
        void run() throws Exception;
    }

    static void step(String name, Work work) {
        try {
            work.run();
            System.out.println("ok " + name);
        } catch (Exception | AssertionError failure) {
            System.out.println("failed " + name + " " + failure.toString().replace('\n', ' '));
        }
    }

    static void expect(Object wanted, Object got) {
        if (!wanted.equals(got)) {
            throw new AssertionError("expected " + wanted + ", got " + got);
        }
    }

    static AssertionError noFault(Object answer) {
        return new AssertionError("expected a fault, got " + answer);
    }
}
